"""The pictures that the page shows of a photograph and its result: any region, at any size."""

from io import BytesIO
from typing import NamedTuple

import cv2
import numpy as np

from srgan_keras.app.entries import Entry
from srgan_keras.data.image_file import ImageFile
from srgan_keras.export.tiles import Box
from srgan_keras.inference.encode import encode
from srgan_keras.inference.upscaler import FALLBACK, bicubic
from srgan_keras.report.gallery import coloured

MOST = 2048
"""Longest side of a picture in px."""

DETAIL = "detail"
"""The map of SR - bicubic, mean over RGB, signed. It is computed for each view."""

_HALO = 4  # LR px, more than bicubic interpolation reads to either side


class Region(NamedTuple):
    """A region in LR px, and the size of its picture in px."""

    box: Box
    height: int
    width: int


def region(entry: Entry, box: tuple[int, int, int, int], longest: int) -> Region:
    """Return a region whose picture is at most as large as its SR, `longest`, and `MOST`.

    Args:
        entry: whose photograph it is of.
        box: top, left, bottom and right in LR px. A side of 0 px stands for the whole photograph.
        longest: the longest side of the picture in px.
    """
    height, width = entry.photograph.colour.shape[:2]
    top, bottom = (min(max(side, 0), height) for side in box[::2])
    left, right = (min(max(side, 0), width) for side in box[1::2])
    if bottom <= top or right <= left:
        top, left, bottom, right = 0, 0, height, width
    scale = entry.result.scale if entry.result else 1
    rows, columns = scale * (bottom - top), scale * (right - left)
    factor = min(1.0, min(max(longest, 1), MOST) / max(rows, columns))
    size = max(1, round(rows * factor)), max(1, round(columns * factor))
    return Region(Box(top, bottom, left, right), *size)


def layer(entry: Entry, name: str, where: Region) -> bytes | None:
    """Return a layer of a region as PNG, or None if the entry has no such layer.

    Args:
        entry: the photograph and its result.
        name: `photograph`, `before`, `after`, or the name of a map.
        where: the region.
    """
    result, photograph = entry.result, entry.photograph
    if name == "photograph":
        return _png(_shown(photograph, where.box.of(photograph.colour), where))
    if result is None:
        return None
    if name == "after":
        return _png(_shown(result.image, where.box.of(result.image.colour, result.scale), where))
    if name == "before":
        return _png(_shown(photograph, _before(entry, where), where))
    if name == DETAIL:
        values = _grey_levels(where.box.of(result.image.colour, result.scale), where)
        values -= _grey_levels(_before(entry, where), where)
    elif name in result.maps:
        values = _sized(where.box.of(result.maps[name]), where)
    else:
        return None
    return _png(ImageFile(*_colour_and_alpha(name, values)))


def _before(entry: Entry, where: Region) -> np.ndarray:
    """Return the region of the photograph, interpolated as `upscale` does it for --compare."""
    colour, scale, box = entry.photograph.colour, entry.result.scale, where.box
    if max(where.height, where.width) <= max(box.bottom - box.top, box.right - box.left):
        return box.of(colour)  # is reduced below the size of LR anyway
    top, left = max(box.top - _HALO, 0), max(box.left - _HALO, 0)
    around = bicubic(colour[top : box.bottom + _HALO, left : box.right + _HALO], scale)
    inside = Box(box.top - top, box.bottom - top, box.left - left, box.right - left)
    return inside.of(around, scale)


def _shown(image: ImageFile, colour: np.ndarray, where: Region) -> ImageFile:
    """Return pixels of an image in 8 bit, with its profile."""
    image = ImageFile(colour, grey=image.grey, profile=image.profile, bits=image.bits)
    return ImageFile(_sized(image.eight_bit(), where), grey=image.grey, profile=image.profile)


def _grey_levels(colour: np.ndarray, where: Region) -> np.ndarray:
    values = _sized(colour, where).mean(axis=2, dtype=np.float32)
    return values if colour.dtype == np.uint8 else values / np.float32(257)


def _colour_and_alpha(name: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if name == FALLBACK:  # white, the more the guard interpolates
        alpha = np.rint(values * 160).astype(np.uint8)
        return np.full((*alpha.shape, 3), 255, np.uint8), alpha
    pixels = coloured(name, values)
    return np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])


def _sized(values: np.ndarray, where: Region) -> np.ndarray:
    smaller = where.height < values.shape[0]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    return cv2.resize(np.ascontiguousarray(values), (where.width, where.height), interpolation=kind)


def _png(image: ImageFile) -> bytes:
    buffer = BytesIO()
    encode(buffer, image, "png")
    return buffer.getvalue()
