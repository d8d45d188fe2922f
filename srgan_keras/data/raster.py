"""The reader of PNG, JPEG, BMP and WebP files: facts by Pillow, pixels by OpenCV or Pillow.

OpenCV is faster, and Pillow has no colours of 16 bit. OpenCV does not see a palette's or a level's
transparency, nor some bitmaps. On 8 bit RGB both give the same pixels.
"""

import io
from collections.abc import Mapping

import cv2
import numpy as np
from PIL import ExifTags, Image

from srgan_keras.data.image_file import (
    DAMAGED,
    DEPTH,
    SEVERAL,
    Density,
    Reason,
    Samples,
    check_size,
    per_metre,
)

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")

_PNG_METADATA = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
_TAGS = (
    ExifTags.Base.Orientation,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
)
_WITH_TRANSPARENCY = {"P": "RGBA", "PA": "RGBA", "L": "LA", "RGB": "RGBA"}


def read_raster(data: bytes) -> Samples:
    """Read a file of `FORMATS`.

    Raises:
        Reason: the policy refuses it.
        Exception: it is damaged, in a way that a decoder words.
    """
    notes = []
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        check_size(*image.size)
        frames = getattr(image, "n_frames", 1)
        if image.format == "MPO":  # a JPEG file with more behind it, often previews
            notes.append(f"holds {frames} pictures: the first is read")
        elif frames > 1:
            raise Reason(SEVERAL)
        if image.mode == "CMYK":
            raise Reason("CMYK colours: convert it to RGB")
        if image.format == "BMP" and data[70:74] in (b"DEBM", b"KNIL"):  # MBED and LINK, reversed
            raise Reason("a BMP file with a colour profile: convert it to PNG")
        sixteen = image.format == "PNG" and ";16" in str(image.tile)
        plain = image.mode in ("1", "L", "RGB") and not image.has_transparency_data
        if image.format == "PNG" and not _chunks_fit(data):
            raise Reason(DAMAGED)
        if sixteen or (plain and image.format != "BMP"):
            pixels = _by_opencv(data)
            if pixels.shape[:2] != image.size[::-1]:
                raise Reason(DAMAGED)
            if image.mode.startswith("I;16") and image.has_transparency_data:
                clear = pixels[..., 0] == image.info["transparency"]
                pixels = np.dstack([pixels, np.where(clear, 0, 2**16 - 1).astype(np.uint16)])
        else:
            pixels = by_pillow(image)
        exif = _exif(image, data, notes)
        return Samples(
            pixels,
            exif.get(ExifTags.Base.Orientation, 1),
            image.info.get("icc_profile"),
            notes=notes,
            density=density(image, exif),
            lossy=_lossy(image.format, data, pixels.nbytes),
        )


def _exif(image: Image.Image, data: bytes, notes: list[str]) -> dict[int, object]:
    """Return the tags of EXIF that count, up to the first that is damaged."""
    # in a PNG file they may come behind the pixels, which Pillow then decodes, too
    if image.format == "PNG" and any(mark in data for mark in _PNG_METADATA):
        image.load()
    found = {}
    try:
        exif = Image.Image.getexif(image)
        for tag in _TAGS:
            if (value := exif.get(tag)) is not None:
                found[tag] = value
    except Exception:  # Pillow has no one error for it
        if ExifTags.Base.Orientation not in found:
            notes.append("has damaged EXIF data: no orientation is applied")
    return found


def density(image: Image.Image, exif: Mapping[int, object]) -> Density | None:
    """Return the density that the format itself has a field for, otherwise that of EXIF.

    Args:
        image: an image of Pillow, which need not be decoded.
        exif: its tags.
    """
    jpeg = image.format in ("JPEG", "MPO")  # Pillow makes one up for those without
    if image.info.get("jfif_unit") in (1, 2) if jpeg else "dpi" in image.info:
        return per_metre(*image.info["dpi"], 2)
    x, y, unit = (exif.get(tag) for tag in _TAGS[1:])
    return per_metre(x, y, 2 if unit is None else unit)


def _lossy(kind: str, data: bytes, size: int) -> tuple[tuple[str, float], ...]:
    """Return the lossy compression: see `Samples`; `size` is that of the pixels."""
    if kind in ("JPEG", "MPO"):
        return (("ISO_10918_1", size / len(data)),)
    # a lossless WebP has the chunk VP8L
    if kind == "WEBP" and b"VP8 " in data:
        return (("", size / len(data)),)
    return ()


def by_pillow(image: Image.Image) -> np.ndarray:
    """Decode an image of Pillow to uint8 [H, W, C].

    Raises:
        Reason: it has other pixels.
        Exception: it is damaged.
    """
    image.load()
    if image.has_transparency_data and image.mode in _WITH_TRANSPARENCY:
        image = image.convert(_WITH_TRANSPARENCY[image.mode])
    elif image.mode in ("1", "P", "YCbCr"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise Reason(DEPTH)
    return np.atleast_3d(np.asarray(image))


def _chunks_fit(data: bytes) -> bool:
    """Tell whether no chunk of a PNG is longer than the file: OpenCV would make room for it."""
    at = 8
    while at + 8 <= len(data):
        kind, size = data[at + 4 : at + 8], int.from_bytes(data[at : at + 4], "big")
        at += 12 + size
        if kind == b"IEND":
            break
    return at <= len(data)


def _by_opencv(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise Reason(DAMAGED)
    if pixels.ndim == 2:
        return pixels[..., np.newaxis]
    code = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels, code)
