"""The TIFF files of the image matrix."""

import io
import itertools
from collections.abc import Iterator

import cv2
import numpy as np
import tifffile
from PIL import Image

from tests.data.image_cells import (
    COUNT,
    DEEP,
    RGBA,
    RNG,
    Cell,
    by_pillow,
    drawn,
    profiles,
    said_of_bits,
    saved,
)


def tiff_cells() -> Iterator[Cell]:
    """Yield the cells."""
    for make in (_tiff, _tiff_lossy, _tiff_channels, _tiff_pillow, _tiff_depths):
        yield from make()


def _written(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


TIFF_COMPRESSIONS = [
    {}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True},
    {"compression": "lzw"}, {"compression": "lzw", "predictor": True}, {"compression": "packbits"},
    {"compression": "zstd"}, {"compression": "lzma"}, {"tile": (16, 16), "compression": "lzw"},
    {"rowsperstrip": 2}, {"bigtiff": True},
]  # fmt: skip


def _tiff() -> Iterator[Cell]:
    turn = itertools.count()
    alphas = {"grey alpha": ("unassalpha", "assocalpha"), "RGBA": ("unassalpha", "assocalpha")}
    for depth, channels, planes, how in itertools.product(
        ("8", "12 in 16", "16"), COUNT, ("contig", "separate"), TIFF_COMPRESSIONS
    ):
        if planes == "separate" and COUNT[channels] == 1:
            continue
        stored, colour, alpha, bits = drawn(channels, depth)
        for kind in alphas.get(channels, (None,)):
            profile, notes = (some := profiles(colour))[next(turn) % len(some)]
            orientation = 1 + (i := next(turn)) % 9
            pixels, seen, top = stored, colour, 2**bits - 1 if depth != "8" else 255
            if channels == "negative":
                pixels = top - stored
            if kind == "assocalpha":
                pixels, seen = _multiplied(stored, top, depth)
            data = _written(
                pixels if planes == "contig" else np.ascontiguousarray(np.moveaxis(pixels, 2, 0)),
                photometric={"RGB": "rgb", "RGBA": "rgb", "negative": "miniswhite"}.get(
                    channels, "minisblack"
                ),
                planarconfig=None if COUNT[channels] == 1 else planes,
                extrasamples=[kind] if kind else None,
                iccprofile=profile,
                byteorder="<>"[i // 2 % 2],
                extratags=[(274, "H", 1, orientation, True)],
                **how,
            )
            name = f"TIFF {depth} {channels} {kind} {planes} {how} orientation {orientation}"
            said = notes + said_of_bits(bits)
            yield Cell(name, data, "", seen, alpha, bits, orientation, profile, 0, said)


def _multiplied(stored: np.ndarray, top: int, depth: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels with associated alpha, and the colours that can be got back."""
    alpha = stored[..., -1:].astype(np.int64)
    colours = (stored[..., :-1] * alpha + top // 2) // top
    back = np.where(alpha > 0, (2 * colours * top + alpha) // (2 * np.maximum(alpha, 1)), 0)
    back = np.minimum(back, top)
    if depth == "12 in 16":
        back = (2 * back * 65535 + top) // (2 * top)
    pixels = np.concatenate([colours, alpha], axis=-1).astype(stored.dtype)
    back = back.astype(stored.dtype)
    return pixels, back[..., 0] if back.shape[-1] == 1 else back


def _tiff_lossy() -> Iterator[Cell]:
    smooth = cv2.resize(RGBA, (32, 32), interpolation=cv2.INTER_CUBIC)
    for channels, planes, how in itertools.product(
        ("grey", "RGB"), ("contig", "separate"), ("jpeg", "webp", "group4", "group3")
    ):
        if channels == "grey" and planes == "separate":
            continue
        stored = smooth[..., 0] if channels == "grey" else smooth[..., :3]
        name = f"TIFF {channels} {planes} {how}"
        if how.startswith("group"):
            if channels == "grey":
                data = saved(stored > 99, "TIFF", compression=how)
                yield Cell(name, data, "", (stored > 99) * np.uint8(255))
            continue
        if how == "webp" and (channels, planes) != ("RGB", "contig"):
            continue
        options = {"compressionargs": {"lossless": True}} if how == "webp" else {}
        pixels = stored if planes == "contig" else np.moveaxis(stored, 2, 0).copy()
        data = _written(
            pixels, compression=how, photometric="minisblack" if channels == "grey" else "rgb",
            planarconfig=None if channels == "grey" else planes, **options,
        )  # fmt: skip
        if how == "webp":
            yield Cell(name, data, "", stored)
        else:
            yield Cell(name, data, "", by_pillow(data), tolerance=1)
    data = saved(smooth[..., :3], "TIFF", compression="jpeg")
    yield Cell("TIFF JPEG by Pillow", data, "", by_pillow(data), tolerance=1)
    ycbcr = _written(smooth[..., :3].copy(), compression="jpeg", photometric="ycbcr")
    yield Cell("TIFF JPEG YCbCr", ycbcr, "", by_pillow(ycbcr), tolerance=1)


def _tiff_channels() -> Iterator[Cell]:
    for full in (RGBA, DEEP):
        depth = f"TIFF {8 * full.itemsize}"
        noted = ("channels beyond colour and alpha",)
        unnamed = _written(full, photometric="rgb", extrasamples=["unspecified"])
        yield Cell(f"{depth} RGB and one more", unnamed, "", full[..., :3], notes=noted)
        six = np.concatenate([full, full[..., :2]], axis=2)
        data = _written(six, photometric="rgb", extrasamples=["unassalpha", *["unspecified"] * 2])
        yield Cell(f"{depth} RGBA and two more", data, "", full[..., :3], full[..., 3], notes=noted)
        data = _written(six, photometric="separated")
        yield Cell(f"{depth} CMYK and two more", data, "CMYK")
        data = _written(full, photometric="separated")
        yield Cell(f"{depth} CMYK", data, "CMYK")
        data = _written(np.ascontiguousarray(full[..., :3]), photometric="cielab")
        yield Cell(f"{depth} Lab", data, "CIELAB")
        data = _written(np.stack([full[..., :3]] * 2), photometric="rgb")
        yield Cell(f"{depth} of 2 pages", data, "several frames")
        table = RNG.integers(0, 65536, (3, 256), np.uint16)
        if full is RGBA:
            data = _written(full[..., 0].copy(), photometric="palette", colormap=table)
            expected = (table >> 8).astype(np.uint8).T[full[..., 0]]
            yield Cell(f"{depth} palette", data, "", expected)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(RGBA[::2, ::2, :3].copy(), photometric="rgb", subfiletype=1, metadata=None)
        file.write(RGBA[..., :3].copy(), photometric="rgb", metadata=None)
    yield Cell("TIFF with a thumbnail", buffer.getvalue(), "", RGBA[..., :3])


def _tiff_pillow() -> Iterator[Cell]:
    images = {
        "1": Image.fromarray(RGBA[..., 0] > 99), "L": Image.fromarray(RGBA[..., 0]),
        "LA": Image.fromarray(RGBA[..., [0, 3]]), "P": Image.fromarray(RGBA[..., :3]).quantize(64),
        "RGB": Image.fromarray(RGBA[..., :3]), "RGBA": Image.fromarray(RGBA),
        "I;16": Image.fromarray(DEEP[..., 0]),
    }  # fmt: skip
    for (mode, image), compression in itertools.product(
        images.items(), (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma")
    ):
        data = saved(image, "TIFF", compression=compression)
        pixels = np.asarray(image.convert("RGB") if mode == "P" else image)
        pixels = pixels * np.uint8(255) if mode == "1" else pixels
        alpha = pixels[..., -1] if mode in ("LA", "RGBA") else None
        colour = {"LA": pixels[..., 0] if mode == "LA" else None, "RGBA": pixels[..., :3]}
        yield Cell(f"TIFF {mode} {compression}", data, "", colour.get(mode, pixels), alpha)
    flat = RGBA[..., 0].copy()
    others = {
        "CMYK": (Image.fromarray(RGBA, "CMYK"), "CMYK"),
        "LAB": (Image.fromarray(RGBA[..., :3].copy(), "LAB"), "LAB"),
        "F": (Image.fromarray(flat.astype(np.float32)), "pixels other"),
        "I": (Image.fromarray(flat.astype(np.int32)), "pixels other"),
    }
    for mode, (image, refused) in others.items():
        yield Cell(f"TIFF {mode}", saved(image, "TIFF"), refused)


def _tiff_depths() -> Iterator[Cell]:
    for bits in (1, 2, 4, 6, 10, 12, 14):
        full = DEEP >> (16 - bits)
        top = 2**bits - 1
        new = 255 if bits < 8 else 65535
        small = full.astype(np.uint8 if bits < 8 else np.uint16)
        read = ((2 * small.astype(np.int64) * new + top) // (2 * top)).astype(small.dtype)
        # a row starts at a whole byte
        for name, planes in (("grey", slice(0, 1)), ("RGB", slice(0, 3))):
            pixels = np.ascontiguousarray(np.squeeze(small[..., planes]))
            photometric = "minisblack" if name == "grey" else "rgb"
            if bits == 1:
                if name == "RGB":
                    continue
                pixels = pixels.astype(bool)
            data = _written(pixels, photometric=photometric, bitspersample=bits)
            yield Cell(
                f"TIFF {name} of {bits} bits", data, "", np.squeeze(read[..., planes]),
                bits=bits if bits > 8 else 16,
            )  # fmt: skip
    for kind in (np.float32, np.float16, np.uint32, np.int16, np.int8, np.float64, np.int32):
        for count, photometric in ((1, "minisblack"), (3, "rgb")):
            pixels = np.squeeze(RGBA[..., :count].astype(kind))
            data = _written(pixels, photometric=photometric)
            yield Cell(f"TIFF {kind.__name__} {photometric}", data, "pixels other than 8 or 16 bit")
