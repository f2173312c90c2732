"""`octomed.vision` alone: what goes in, what comes out, what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed import vision
from octomed.errors import DataError
from PIL import Image

from tests.vision.oracle import MEAN, STD, noise, pixels


def grey(height, width):
    return np.repeat(noise(height, width)[:, :, :1], 3, axis=2)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from(["webp", "png"]),
    st.sampled_from(["noise", "extremes", "smooth", "grey", "black"]),
    st.integers(0, 2**32),
)
def test_lossless_files_hold_the_pixels(height, width, codec, kind, seed):
    image = grey(height, width) if kind == "grey" else noise(height, width, seed, kind)
    if kind == "black":
        image = np.zeros_like(image)
    data = vision.encode(image, codec)
    assert vision.size(data) == (height, width)
    assert (vision.decode(data) == image).all()
    assert (pixels(data) == image).all()
    assert vision.encode(image, codec) == data


@pytest.mark.parametrize("codec", ["webp", "png"])
def test_grey_is_one_channel(codec):
    image = grey(256, 256)
    assert len(vision.encode(image, codec)) < len(vision.encode(noise(256, 256), codec)) / 2
    if codec == "png":
        assert Image.open(io.BytesIO(vision.encode(image, codec))).mode == "L"


def test_jpeg_is_of_quality_95_with_full_colour():
    image = noise(120, 90, kind="smooth")
    data = vision.encode(image, "jpeg")
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95, subsampling="4:4:4")
    ours, theirs = Image.open(io.BytesIO(data)), Image.open(file)
    assert ours.quantization == theirs.quantization
    assert (np.asarray(ours) == np.asarray(theirs)).all()
    assert (vision.decode(data) == pixels(data)).all()


def test_grey_jpeg_is_grey():
    data = vision.encode(grey(50, 70), "jpeg")
    assert Image.open(io.BytesIO(data)).mode == "L"
    decoded = vision.decode(data)
    assert (decoded[:, :, 0] == decoded[:, :, 2]).all()


@pytest.mark.parametrize(("codec", "side"), [("webp", 16_385), ("jpeg", 65_536)])
def test_a_side_that_a_format_has_no_room_for(codec, side):
    with pytest.raises(DataError, match=f"does not go into {codec}"):
        vision.encode(np.zeros((1, side, 3), np.uint8), codec)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_bytes_of_any_kind(kind):
    data = vision.encode(noise(12, 34), "png")
    assert vision.size(kind(data)) == (12, 34)
    assert vision.decode(kind(data)).shape == (12, 34, 3)
    assert vision.content_hash(kind(data)) == vision.content_hash(data)


@pytest.mark.parametrize("data", ["a.jpg", None, 5, [1, 2]])
def test_what_is_no_bytes_is_refused(data):
    for call in (vision.size, vision.decode, vision.content_hash):
        with pytest.raises(DataError, match="bytes of an image file"):
            call(data)


@pytest.mark.parametrize(
    "data", [b"", b"<!doctype html><html></html>", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_image_is_refused_with_a_hint(data):
    for call in (vision.size, vision.decode):
        with pytest.raises(DataError) as refused:
            call(data)
        assert refused.value.hint


def test_a_cut_file_is_refused():
    for codec in ("webp", "png", "jpeg"):
        data = vision.encode(noise(64, 64), codec)
        with pytest.raises(DataError):
            vision.decode(data[: len(data) // 2])
        with pytest.raises(DataError):
            vision.decode(data[:-2])


def test_the_largest_source_is_a_bound():
    data = vision.encode(noise(10, 10), "png")
    assert vision.decode(data, max_source_pixels=100).shape == (10, 10, 3)
    with pytest.raises(DataError):
        vision.decode(data, max_source_pixels=99)


def test_rules_of_alpha_and_grey_are_passed_on():
    file = io.BytesIO()
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(file, "PNG")
    assert vision.decode(file.getvalue())[0, 0].tolist() == [10, 20, 30]
    assert vision.decode(file.getvalue(), alpha="white")[0, 0].tolist() == [255, 255, 255]
    deep = io.BytesIO()
    Image.fromarray(np.arange(16, dtype=np.uint16).reshape(4, 4) * 1000).save(deep, "PNG")
    with pytest.raises(DataError) as refused:
        vision.decode(deep.getvalue())
    assert "window" in refused.value.hint
    assert vision.decode(deep.getvalue(), gray16="window")[[0, 3], [0, 3], 0].tolist() == [0, 255]
    for wrong in ({"alpha": "black"}, {"gray16": "x"}, {"max_source_pixels": -1}):
        with pytest.raises(DataError):
            vision.decode(file.getvalue(), **wrong)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        "image",
    ],
)
def test_what_is_no_image_array_is_refused(image):
    for call in (vision.pixel_hash, vision.patches, vision.encode, lambda one: vision.resize(one, 28, 28)):
        with pytest.raises(DataError):
            call(image)


def test_patches_want_multiples_and_say_which():
    with pytest.raises(DataError, match="no multiples of 32") as refused:
        vision.patches(noise(28, 28), "qwen3-vl")
    assert "resized" in refused.value.hint
    with pytest.raises(DataError, match="588 bytes"):
        vision.pixel_values(vision.patches(noise(28, 28)), "qwen3-vl")
    with pytest.raises(DataError):
        vision.pixel_values(np.zeros((4, 588), np.float32))


def test_hashes_tell_sizes_pixels_and_bytes_apart():
    image = noise(6, 8)
    assert vision.pixel_hash(image) == vision.pixel_hash(image[:, ::-1][:, ::-1])
    assert vision.pixel_hash(image) != vision.pixel_hash(image.reshape(8, 6, 3))
    other = image.copy()
    other[5, 7, 2] ^= 1
    assert vision.pixel_hash(image) != vision.pixel_hash(other)
    png, webp = vision.encode(image, "png"), vision.encode(image)
    assert vision.content_hash(png) != vision.content_hash(webp)
    assert vision.pixel_hash(vision.decode(png)) == vision.pixel_hash(vision.decode(webp))


def test_families_have_the_published_numbers():
    first, second = vision.families()
    for found, wanted in ((first.mean, MEAN), (first.std, STD)):
        assert np.array_equal(np.float32(found), np.float32(wanted["qwen2.5-vl"]))
    assert (second.name, second.patch_size, second.std) == ("qwen3-vl", 16, (0.5, 0.5, 0.5))
    assert (second.min_pixels, second.max_pixels) == (65_536, 16_777_216)


def test_a_photograph_of_a_telephone_is_refused_by_name():
    """A HEIC of our own, 32 by 24 pixels, as libheif 1.8 writes it."""
    heic = (Path(__file__).parents[1] / "data/small.heic").read_bytes()
    for read in (vision.size, vision.decode):
        with pytest.raises(DataError, match="not an image that is read: HEIC") as refused:
            read(heic)
        assert refused.value.hint
