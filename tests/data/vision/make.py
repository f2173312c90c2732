"""Image files of every kind, made by Pillow and by hand, with what Pillow makes of them.

    python -m tests.data.vision.make

writes them into `files/` here, and `goldens.tsv`: name, height, width, and xxh3 of width, height and pixels,
as Pillow 11.3's `exif_transpose(open(file)).convert("RGB")` has them, with transparency dropped and on white.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash
from PIL import Image, ImageOps, features

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Entries: TypeAlias = dict[int, tuple[int, list[int]]]

HERE = Path(__file__).parent
SMALL = (24, 36)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'


def picture(height: int, width: int, *, noise: float = 12, seed: int = 0) -> Image.Image:
    """A gradient with waves and noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = 128 + 100 * np.sin(columns / 7) + 20 * np.cos(rows / 3)
    channels = np.stack([waves, rows * 255 / max(height, 1), 255 - columns * 255 / max(width, 1)], -1)
    channels += np.random.default_rng(seed).normal(0, noise, channels.shape)
    return Image.fromarray(channels.clip(0, 255).astype(np.uint8))


def clear(height: int, width: int) -> Image.Image:
    """A picture with every alpha."""
    image = picture(height, width)
    alpha = (np.arange(height * width) * 7 % 256).reshape(height, width).astype(np.uint8)
    image.putalpha(Image.fromarray(alpha))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int, order: str = ">", **more: str) -> bytes:
    """An EXIF block by hand: in either order of bytes, with a name of an artist where asked for."""
    entries = [struct.pack(order + "HHIHH", 0x112, 3, 1, orientation, 0)]
    if "artist" in more:
        text = more["artist"].encode().ljust(4, b"\0")[:4]
        entries.append(struct.pack(order + "HHI", 315, 2, 4) + text)
    mark = b"MM\0*" if order == ">" else b"II*\0"
    count, after = struct.pack(order + "H", len(entries)), bytes(4)
    return mark + struct.pack(order + "I", 8) + count + b"".join(entries) + after


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG file."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segment(file: bytes, marker: int, body: bytes) -> bytes:
    """The JPEG file with a segment after its first marker."""
    return file[:2] + segment(marker, body) + file[2:]


def sampled(factors: int, subsampling: str, side: int) -> bytes:
    """A JPEG file whose first channel has these factors: others of the same product have the same blocks."""
    file = bytearray(saved(picture(side, side), "JPEG", quality=90, subsampling=subsampling))
    at = file.index(b"\xff\xc0")
    file[at + 11] = factors
    return bytes(file)


def adobe(file: bytes, transform: int) -> bytes:
    """The JPEG file with another transform in Adobe's segment, which is added where it is not."""
    at = file.find(b"Adobe\0")
    if at < 0:
        without = file[:2] + file[file.index(b"\xff\xdb") :]
        return with_segment(without, 0xEE, b"Adobe\0d\0\0\0\0" + bytes([transform]))
    return file[: at + 11] + bytes([transform]) + file[at + 12 :]


def jpegs() -> Iterator[tuple[str, bytes]]:
    """JPEG files."""
    for height, width in ((1, 1), (1, 40), (17, 23), (40, 33)):
        image = picture(height, width)
        for name in ("4:4:4", "4:2:2", "4:2:0"):
            for progressive in (False, True):
                word = "_progressive" if progressive else ""
                file = saved(image, "JPEG", quality=90, subsampling=name, progressive=progressive)
                yield f"{height}x{width}_{name.replace(':', '')}{word}.jpg", file
    image = picture(*SMALL)
    yield "gray.jpg", saved(image.convert("L"), "JPEG")
    yield "gray_progressive.jpg", saved(image.convert("L"), "JPEG", progressive=True)
    yield "restarts.jpg", saved(image, "JPEG", restart_marker_blocks=2)
    yield "coarse.jpg", saved(image, "JPEG", quality=5)
    yield "fine.jpg", saved(image, "JPEG", quality=100, subsampling=0)
    yield "sampled_440.jpg", sampled(0x12, "4:2:2", 48)
    yield "sampled_411.jpg", sampled(0x41, "4:2:0", 64)
    yield "sampled_114.jpg", sampled(0x14, "4:2:0", 64)
    ink = saved(image.convert("CMYK"), "JPEG")
    yield "cmyk.jpg", ink
    yield "ycck.jpg", adobe(ink, 2)
    yield "adobe_rgb.jpg", adobe(saved(image, "JPEG", subsampling=0), 0)
    file = saved(image, "JPEG")
    for orientation in range(1, 9):
        body = b"Exif\0\0" + exif(orientation, "<>"[orientation % 2])
        yield f"turned_{orientation}.jpg", with_segment(file, 0xE1, body)
    yield "turned_xmp.jpg", with_segment(file, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % 6)
    both = with_segment(file, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % 6)
    yield "turned_both.jpg", with_segment(both, 0xE1, b"Exif\0\0" + exif(8))
    yield "comment.jpg", saved(image, "JPEG", comment="of a patient", icc_profile=b"a profile" * 40)
    yield "behind_the_end.jpg", file + b"more bytes"
    # `17x23_420.jpg` with its coefficients in arithmetic coding, which Pillow reads and does not write.
    for given in sorted((HERE / "given").iterdir()):
        yield given.name, given.read_bytes()
    yield "padded_markers.jpg", file[:2] + b"\xff\xff" + file[2:]


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    samples: np.ndarray, depth: int, colour: int, extra: bytes = b"", *, interlaced: bool = False
) -> bytes:
    """A PNG file by hand: of rows of whole bytes."""
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    raw = b""
    for left, top, across, down in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::across]
        raw += b"".join(b"\0" + row.tobytes() for row in part if row.size)
    height, width = samples.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    chunks = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def after_head(file: bytes, *chunks: bytes) -> bytes:
    """The PNG file with chunks after its first."""
    return file[:33] + b"".join(chunks) + file[33:]


def pngs() -> Iterator[tuple[str, bytes]]:
    """PNG files."""
    image, height, width = picture(*SMALL), *SMALL
    few = image.quantize(100)
    for mode in ("RGB", "L", "1"):
        yield f"{mode.lower()}.png", saved(image.convert(mode), "PNG")
    yield "rgba.png", saved(clear(*SMALL), "PNG")
    yield "la.png", saved(clear(*SMALL).convert("LA"), "PNG")
    for bits, colours in ((1, 2), (2, 4), (4, 16)):
        yield f"palette_{bits}.png", saved(image.quantize(colours), "PNG", bits=bits)
    yield "palette_8.png", saved(few, "PNG")
    yield "palette_clear.png", saved(few, "PNG", transparency=3)
    yield "palette_alpha.png", saved(few, "PNG", transparency=bytes(range(0, 250, 3)))
    yield "gray_clear.png", saved(image.convert("L"), "PNG", transparency=image.convert("L").getpixel((3, 3)))
    yield "rgb_clear.png", saved(image, "PNG", transparency=image.getpixel((3, 3)))
    random = np.random.default_rng(1)
    deep = random.integers(0, 65536, (height, width, 4)).astype(">u2")
    yield "rgb16.png", png(deep[..., :3], 16, 2)
    yield "rgba16.png", png(deep, 16, 6)
    low = random.integers(0, 256, (height, width)).astype(np.uint8)
    yield "palette_short.png", png(low, 8, 3, chunk(b"PLTE", bytes(range(60))))
    yield "gray_2.png", png(low[:, : width // 4], 8, 0)
    yield "interlaced.png", png(np.asarray(image), 8, 2, interlaced=True)
    yield "interlaced_rgba16.png", png(deep, 16, 6, interlaced=True)
    yield "one_pixel.png", saved(picture(1, 1), "PNG")
    frames = [picture(*SMALL, seed=seed) for seed in (1, 2)]
    yield "animated.png", saved(image, "PNG", save_all=True, append_images=frames)
    yield "animated_default.png", saved(image, "PNG", save_all=True, append_images=frames, default_image=True)
    file = saved(image, "PNG")
    for orientation in (3, 6, 8):
        yield f"turned_{orientation}.png", after_head(file, chunk(b"eXIf", exif(orientation)))
    yield "turned_behind.png", file[:-12] + chunk(b"eXIf", exif(6)) + file[-12:]
    raw = f"\nexif\n{len(exif(6)):8}\n{exif(6).hex()}\n".encode()
    yield (
        "turned_raw.png",
        after_head(file, chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw))),
    )
    yield "turned_xmp.png", after_head(file, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP % 5))
    yield "text.png", after_head(file, chunk(b"tEXt", b"Patient\0a name"), chunk(b"tIME", bytes(7)))
    yield "profile.png", saved(image, "PNG", icc_profile=b"a profile" * 40)
    yield "behind_the_end.png", file + b"more bytes"


def webps() -> Iterator[tuple[str, bytes]]:
    """WebP files."""
    image, alpha = picture(*SMALL), clear(*SMALL)
    for quality in (5, 80, 100):
        yield f"lossy_{quality}.webp", saved(image, "WEBP", quality=quality)
    yield "lossy_alpha.webp", saved(alpha, "WEBP", quality=80)
    yield "lossy_odd.webp", saved(picture(17, 23), "WEBP", quality=80)
    yield "lossless.webp", saved(image, "WEBP", lossless=True)
    yield "lossless_alpha.webp", saved(alpha, "WEBP", lossless=True, exact=True)
    yield "one_pixel.webp", saved(picture(1, 1), "WEBP")
    frames = [picture(*SMALL, seed=seed) for seed in (1, 2)]
    yield "animated.webp", saved(image, "WEBP", save_all=True, append_images=frames, duration=50)
    yield "animated_alpha.webp", saved(alpha, "WEBP", save_all=True, append_images=frames, duration=50)
    small = Image.new("RGBA", SMALL[::-1])
    small.paste(picture(8, 10), (6, 4))
    moved = [picture(*SMALL, seed=1)]
    yield "animated_small.webp", saved(small, "WEBP", save_all=True, append_images=moved, lossless=True)
    for orientation in (2, 6):
        yield f"turned_{orientation}.webp", saved(image, "WEBP", exif=exif(orientation))
    yield "turned_xmp.webp", saved(image, "WEBP", xmp=XMP % 8)
    yield (
        "metadata.webp",
        saved(image, "WEBP", exif=exif(6, artist="me"), xmp=XMP % 8, icc_profile=b"profile"),
    )


def gifs() -> Iterator[tuple[str, bytes]]:
    """GIF files."""
    image = picture(*SMALL)
    few = image.quantize(60)
    yield "palette.gif", saved(few, "GIF")
    yield "clear.gif", saved(few, "GIF", transparency=5)
    yield "gray.gif", saved(image.convert("L"), "GIF")
    yield "interlaced.gif", saved(few, "GIF", interlace=1)
    yield "plain.gif", saved(few, "GIF", interlace=0)
    yield "one_pixel.gif", saved(picture(1, 1), "GIF")
    frames = [picture(*SMALL, seed=seed) for seed in (1, 2)]
    yield "animated.gif", saved(few, "GIF", save_all=True, append_images=frames)
    yield "comment.gif", saved(few, "GIF", comment="of a patient", loop=0)
    for name, options in (("framed", {}), ("framed_clear", {"transparency": 5})):
        file = bytearray(saved(few, "GIF", **options))
        # A larger screen, and the image inside it.
        file[6:10] = struct.pack("<HH", SMALL[1] + 9, SMALL[0] + 7)
        at = file.index(b"," + struct.pack("<HHHH", 0, 0, SMALL[1], SMALL[0]))
        file[at + 1 : at + 5] = struct.pack("<HH", 4, 3)
        yield f"{name}.gif", bytes(file)
    file = bytearray(saved(few, "GIF"))
    file[6:10] = struct.pack("<HH", 5, 5)
    yield "beyond_screen.gif", bytes(file)


def os2(image: Image.Image) -> bytes:
    """A BMP file with the header of OS/2."""
    file = saved(image, "BMP")
    pixels = file[struct.unpack_from("<I", file, 10)[0] :]
    head = struct.pack("<IHHHH", 12, image.width, image.height, 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + head + pixels


def bmp(sides: tuple[int, int], bits: int, compression: int, pixels: bytes, extra: bytes = b"") -> bytes:
    """A BMP file by hand; `extra` are masks or a palette."""
    width, height = sides
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    begin = 54 + len(extra)
    return b"BM" + struct.pack("<IHHI", begin + len(pixels), 0, 0, begin) + head + extra + pixels


def bmps() -> Iterator[tuple[str, bytes]]:
    """BMP files."""
    image = picture(*SMALL)
    for mode in ("1", "L", "RGB"):
        yield f"{mode.lower()}.bmp", saved(image.convert(mode), "BMP")
    yield "palette.bmp", saved(image.quantize(60), "BMP")
    yield "rgba.bmp", saved(clear(*SMALL), "BMP")
    yield "os2.bmp", os2(image)
    random = np.random.default_rng(3)
    low = random.integers(0, 65536, (6, 8)).astype("<u2").tobytes()
    yield "rgb15.bmp", bmp((8, 6), 16, 0, low)
    yield "rgb565.bmp", bmp((8, 6), 16, 3, low, struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield "downwards.bmp", bmp((8, -6), 16, 0, low)
    four = random.integers(0, 256, (6, 8, 4)).astype(np.uint8).tobytes()
    yield "rgb32.bmp", bmp((8, 6), 32, 0, four)
    yield "fields32.bmp", bmp((8, 6), 32, 3, four, struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00))
    colours = bytes(random.integers(0, 256, 1024).astype(np.uint8))
    nibbles = random.integers(0, 256, (6, 4)).astype(np.uint8).tobytes()
    yield "palette_4.bmp", bmp((8, 6), 4, 0, nibbles, colours[:64])
    runs = (
        b"\x05\x07\x00\x03\x01\x02\x03\x00\x00\x00"
        + b"\x08\x09\x00\x00" * 4
        + b"\x02\x03\x06\x04\x00\x00\x00\x01"
    )
    yield "runs_8.bmp", bmp((8, 6), 8, 1, runs, colours)
    runs = b"\x05\x72\x00\x00" + b"\x00\x04\x12\x34\x03\x56\x00\x00" + b"\x08\x9a\x00\x00" * 4 + b"\x00\x01"
    yield "runs_4.bmp", bmp((8, 6), 4, 2, runs, colours[:64])


def tiff(width: int, height: int, entries: Entries, pixels: bytes, order: str = ">") -> bytes:
    """A TIFF file of one strip by hand."""
    sizes = {1: "B", 3: "H", 4: "I"}
    tags: Entries = {256: (3, [width]), 257: (3, [height])}
    if 322 not in entries:
        tags |= {273: (4, [8]), 278: (3, [height]), 279: (4, [len(pixels)])}
    tags |= entries
    begin = 8 + len(pixels) + len(pixels) % 2
    outside, lines = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        value = struct.pack(f"{order}{len(values)}{sizes[kind]}", *values)
        if len(value) > 4:
            at = begin + 2 + 12 * len(tags) + 4 + len(outside)
            outside, value = outside + value + bytes(len(value) % 2), struct.pack(order + "I", at)
        lines += struct.pack(order + "HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    mark = b"MM\0*" if order == ">" else b"II*\0"
    directory = struct.pack(order + "H", len(tags)) + lines + bytes(4) + outside
    return mark + struct.pack(order + "I", begin) + pixels + bytes(len(pixels) % 2) + directory


def tiffs() -> Iterator[tuple[str, bytes]]:
    """TIFF files."""
    image, alpha = picture(*SMALL), clear(*SMALL)
    modes = {
        "1": image.convert("1"), "l": image.convert("L"), "palette": image.quantize(60), "rgb": image,
        "rgba": alpha, "la": alpha.convert("LA"), "cmyk": image.convert("CMYK"),
    }  # fmt: skip
    for name, value in modes.items():
        for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            if packing == "raw" or name in ("rgb", "l", "1"):
                file = saved(value, "TIFF", compression=packing)
                yield f"{name}_{packing.removeprefix('tiff_')}.tif", file
    yield "predicted.tif", saved(image, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield "strips.tif", saved(image, "TIFF", compression="tiff_lzw", strip_size=36 * 3 * 5)
    yield "jpeg.tif", saved(image, "TIFF", compression="jpeg")
    yield "pages.tif", saved(image, "TIFF", save_all=True, append_images=[picture(9, 9)])
    random = np.random.default_rng(4)
    deep = random.integers(0, 65536, (6, 8, 4))
    more: list[tuple[str, str, int, int, list[int]]] = [
        ("rgb16", ">", 3, 2, []), ("rgb16_little", "<", 3, 2, []), ("rgba16", ">", 4, 2, [2]),
        ("multiplied", ">", 4, 2, [1]), ("beside", "<", 4, 2, [0]), ("cmyk16", ">", 4, 5, []),
    ]  # fmt: skip
    for name, order, count, photometric, extra in more:
        entries = {258: (3, [16] * count), 262: (3, [photometric]), 277: (3, [count])}
        entries |= {338: (3, extra)} if extra else {}
        pixels = deep[..., :count].astype(order + "u2").tobytes()
        yield f"{name}.tif", tiff(8, 6, entries, pixels, order)
    low = random.integers(0, 256, (6, 8)).astype(np.uint8).tobytes()
    for name, photometric in (("white_is_zero", 0), ("black_is_zero", 1)):
        yield f"{name}.tif", tiff(8, 6, {258: (3, [8]), 262: (3, [photometric])}, low)
    for bits in (2, 4):
        entries = {258: (3, [bits]), 262: (3, [1])}
        yield f"gray_{bits}.tif", tiff(8, 6, entries, low[: 6 * bits])
        yield f"gray_{bits}_reversed.tif", tiff(8, 6, entries | {266: (3, [2])}, low[: 6 * bits], "<")
    planes = random.integers(0, 256, (3, 6, 8)).astype(np.uint8)
    entries = {258: (3, [8] * 3), 262: (3, [2]), 277: (3, [3]), 284: (3, [2])}
    offsets = {273: (4, [8, 56, 104]), 279: (4, [48] * 3)}
    yield "planes.tif", tiff(8, 6, entries | offsets, planes.tobytes())
    for orientation in (2, 6, 7):
        yield (
            f"turned_{orientation}.tif",
            tiff(8, 6, {258: (3, [8]), 262: (3, [1]), 274: (3, [orientation])}, low),
        )
    tiles = np.zeros((4, 16, 16, 3), np.uint8)
    part = np.asarray(picture(20, 30))
    for number in range(4):
        top, left = number // 2 * 16, number % 2 * 16
        piece = part[top : top + 16, left : left + 16]
        tiles[number, : piece.shape[0], : piece.shape[1]] = piece
    entries = {
        258: (3, [8] * 3), 262: (3, [2]), 277: (3, [3]), 322: (3, [16]), 323: (3, [16]),
        324: (4, [8 + 768 * number for number in range(4)]), 325: (4, [768] * 4),
    }  # fmt: skip
    file = tiff(30, 20, entries, tiles.tobytes())
    yield "tiles.tif", file


def gray16s() -> Iterator[tuple[str, bytes]]:
    """Files of 16 bits of grey, which Pillow makes white."""
    values = np.random.default_rng(2).integers(100, 4096, (6, 8))
    yield "gray16.png", png(values.astype(">u2"), 16, 0)
    yield "gray16_alpha.png", png(np.stack([values, values * 3], -1).astype(">u2"), 16, 4)
    yield "gray16.tif", tiff(8, 6, {258: (3, [16]), 262: (3, [1])}, values.astype(">u2").tobytes())
    yield (
        "gray16_little.tif",
        tiff(8, 6, {258: (3, [16]), 262: (3, [1])}, values.astype("<u2").tobytes(), "<"),
    )
    packed = b"".join(
        struct.pack(">I", int(even) << 12 | int(odd))[1:] for even, odd in values.reshape(-1, 2)
    )  # fmt: skip
    yield "gray12.tif", tiff(8, 6, {258: (3, [12]), 262: (3, [1])}, packed)


def files() -> Iterator[tuple[str, bytes]]:
    """All files that Pillow reads too."""
    for kind in (jpegs, pngs, webps, gifs, bmps, tiffs):
        yield from kind()


def pillow(file: bytes, *, white: bool = False) -> np.ndarray:
    """What Pillow makes of a file: RGB of 8 bits, [height, width, 3]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
        if white and image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
        return np.asarray(image.convert("RGB"))


def digest(pixels: np.ndarray) -> str:
    """`Image::pixel_hash`."""
    height, width = pixels.shape[:2]
    return xxhash.xxh3_64(struct.pack("<II", width, height) + pixels.tobytes()).hexdigest()


def main() -> None:
    """Write files and goldens."""
    assert features.version("pil") == "11.3.0"
    folder = HERE / "files"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    lines = []
    for name, file in files():
        assert not (folder / name).exists(), f"two files named {name}"
        (folder / name).write_bytes(file)
        pixels, white = pillow(file), pillow(file, white=True)
        lines.append(f"{name}\t{pixels.shape[0]}\t{pixels.shape[1]}\t{digest(pixels)}\t{digest(white)}\n")
    for name, file in gray16s():
        (folder / name).write_bytes(file)
    (HERE / "goldens.tsv").write_text("".join(sorted(lines)), encoding="ascii")


if __name__ == "__main__":
    main()
