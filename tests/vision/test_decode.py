"""`octomed.vision.decode` against Pillow, over files made on the fly."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed import vision
from octomed.errors import DataError
from PIL import Image

from tests.data.vision import make

SAMPLES = dict(make.files())


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_have_pillows_pixels(name):
    file = SAMPLES[name]
    expected = make.pillow(file)
    assert vision.size(file) == expected.shape[:2]
    assert np.array_equal(vision.decode(file), expected)
    assert np.array_equal(vision.decode(file, alpha="white"), make.pillow(file, white=True))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_jpegs_have_pillows_pixels(data):
    height, width, seed = (data.draw(st.integers(least, most)) for least, most in ((1, 70), (1, 70), (0, 9)))
    image = make.picture(height, width, noise=3 * seed, seed=seed)
    options = {
        "quality": data.draw(st.integers(1, 100)),
        "progressive": data.draw(st.booleans()),
        "restart_marker_blocks": data.draw(st.integers(0, 3)),
    }
    mode = data.draw(st.sampled_from(["RGB", "L", "CMYK"]))
    if mode != "L":
        options["subsampling"] = data.draw(st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]))
    file = make.saved(image.convert(mode), "JPEG", **options)
    assert np.array_equal(vision.decode(file), make.pillow(file))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 100), st.booleans(), st.integers(0, 6))
def test_lossy_webps_have_pillows_pixels(height, width, quality, alpha, method):
    image = make.clear(height, width) if alpha else make.picture(height, width)
    file = make.saved(image, "WEBP", quality=quality, method=method)
    for white in (False, True):
        found = vision.decode(file, alpha="white" if white else "drop")
        assert np.array_equal(found, make.pillow(file, white=white))


@settings(max_examples=120, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA"]),
    st.sampled_from(["PNG", "GIF", "BMP", "TIFF", "WEBP"]),
    st.booleans(),
)
def test_lossless_files_have_pillows_pixels(height, width, mode, kind, white):
    image = make.clear(height, width)
    image = image.convert("RGB").quantize(50) if mode == "P" else image.convert(mode)
    if kind == "BMP" and mode == "LA":
        return
    file = make.saved(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    found = vision.decode(file, alpha="white" if white else "drop")
    assert np.array_equal(found, make.pillow(file, white=white))


def test_jpegs_have_torchvisions_pixels():
    torch = pytest.importorskip("torch")
    io_of_torchvision = pytest.importorskip("torchvision.io")
    # Of 4:4:0 torchvision's library repeats rows, where Pillow's, of a later version, blends them.
    left = {"sampled_440.jpg"}
    for name, file in SAMPLES.items():
        if name.endswith(".jpg") and not name.startswith("turned_") and name not in left:
            tensor = torch.frombuffer(bytearray(file), dtype=torch.uint8)
            theirs = io_of_torchvision.decode_image(tensor, mode="RGB").permute(1, 2, 0).numpy()
            assert np.array_equal(vision.decode(file), theirs), name


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_no_cut_file_is_decoded(kind):
    file = make.saved(make.picture(40, 50), kind)
    for kept in (0, 1, len(file) // 2, len(file) - 10, len(file) - 1):
        with pytest.raises(DataError):
            vision.decode(file[:kept])


def test_a_name_says_nothing():
    page = b"<!DOCTYPE html><html><body>404</body></html>"
    with pytest.raises(DataError, match="HTML"):
        vision.decode(page)


def test_sixteen_bits_of_grey_are_not_white():
    values = np.arange(100, 1124, dtype=np.uint16).reshape(32, 32)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    with pytest.raises(DataError):
        vision.decode(file.getvalue())
    found = vision.decode(file.getvalue(), gray16="window")
    expected = np.floor((values - 100.0) * 255 / 1023 + 0.5).astype(np.uint8)
    assert np.array_equal(found, np.repeat(expected[..., None], 3, 2))


def test_limits_are_held_before_anything_is_decoded():
    file = make.saved(make.picture(10, 20), "PNG")
    assert vision.decode(file, max_source_pixels=200).shape == (10, 20, 3)
    with pytest.raises(DataError, match="199"):
        vision.decode(file, max_source_pixels=199)
