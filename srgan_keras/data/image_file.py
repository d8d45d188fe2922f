"""The contents of an image file, made from the samples that a reader finds in it."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_PIXELS = 64 * 2**20
"""Larger frames are not decoded: a decompression bomb makes them, a fundus camera does not."""

TOO_LARGE = f"over {MAX_PIXELS >> 20} megapixels"
DAMAGED = "truncated or damaged"
DEPTH = "pixels other than 8 or 16 bit integers"
SEVERAL = "several frames"

Density = tuple[float, float]
"""Pixels per metre, along a row and along a column."""

_SENSOR_BITS = (8, 10, 12, 14)
# EXIF 3.0, tag Orientation: from the stored rows and columns to those that are shown
_SHOWN = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}
_TURNED = (5, 6, 7, 8)
"""The orientations by which rows become columns."""


class Reason(Exception):
    """The reason why a file is not read; the words are the same for every such file."""


@dataclass
class Samples:
    """The samples that a reader finds in a file, and how they are stored.

    Attributes:
        pixels: uint8 or uint16 [H, W, C] as stored. C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4
            (RGB, alpha).
        orientation: EXIF orientation; values outside of 1 to 8 count as 1.
        profile: ICC profile of any kind, or None.
        bits: bits of a sample as the file declares them, 9 to 16 in uint16. If they are 16, the
            values decide.
        negative: whether 0 is white.
        associated: whether alpha is multiplied into the colours.
        notes: what the reader drops, a predicate each: "holds 2 pictures, ...".
        density: that of the stored pixels, or None.
        lossy: lossy compressions that the pixels went through: the term of DICOM for the method, or
            nothing, and the ratio of the sizes, or 0.
        header: the elements of a DICOM file without its pixels.
    """

    pixels: np.ndarray
    orientation: int = 1
    profile: bytes | None = None
    bits: int = 16
    negative: bool = False
    associated: bool = False
    notes: list[str] = field(default_factory=list)
    density: Density | None = None
    lossy: tuple[tuple[str, float], ...] = ()
    header: "Dataset | None" = None


@dataclass
class ImageFile:
    """The contents of an image file: upright, and over the full range of their type.

    Attributes:
        colour: uint8 or uint16 RGB [H, W, 3]; of a grey file three equal channels.
        alpha: of the same type, [H, W], not multiplied into `colour`, or None.
        grey: whether the file is grey.
        profile: ICC profile for RGB, or for grey if the file is grey; or None.
        bits: bits that the file uses of uint16: its values were 0 to 2^bits - 1.
        notes: what was scaled or dropped, a predicate each.
        density: see `Samples`; of the upright pixels.
        lossy: see `Samples`.
        header: see `Samples`.
    """

    colour: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    profile: bytes | None = None
    bits: int = 16
    notes: list[str] = field(default_factory=list)
    density: Density | None = None
    lossy: tuple[tuple[str, float], ...] = ()
    header: "Dataset | None" = None

    def stored(self, levels: np.ndarray) -> np.ndarray:
        """Return `colour` or `alpha` in the range that the file uses; for 8 and 16 bit, as is."""
        if levels.dtype == np.uint8 or self.bits == 16:
            return levels
        return scaled(levels, 2**16 - 1, 2**self.bits - 1)

    def over_black(self) -> np.ndarray:
        """Return `colour` over black, of its type, rounded once."""
        if self.alpha is None:
            return self.colour
        top = np.uint32(np.iinfo(self.colour.dtype).max)
        product = self.colour * self.alpha[..., np.newaxis].astype(np.uint32)
        return ((product + top // 2) // top).astype(self.colour.dtype)

    def eight_bit(self) -> np.ndarray:
        """Return `colour` over black, uint8 RGB [H, W, 3], each division rounded once."""
        colour = self.over_black()
        if colour.dtype == np.uint8:
            return colour
        return scaled(self.stored(colour), 2**self.bits - 1, 255).astype(np.uint8)


def per_metre(x: object, y: object, unit: object) -> Density | None:
    """Return the density of pixels from tags as EXIF and TIFF have them.

    Args:
        x: pixels per unit along a row, a number or (numerator, denominator).
        y: the same along a column.
        unit: 2, inches; 3, centimetres. Others are no lengths.
    """
    metres = {2: 0.0254, 3: 0.01}.get(unit)
    try:
        found = [v[0] / v[1] if isinstance(v, tuple) else float(v) for v in (x, y)]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if metres is None or not all(0 < value < math.inf for value in found):
        return None
    return found[0] / metres, found[1] / metres


def check_size(width: int, height: int) -> None:
    """Refuse a size before anything is decoded.

    Raises:
        Reason: it has no pixels, or more than `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise Reason(TOO_LARGE)
    if width < 1 or height < 1:
        raise Reason(DAMAGED)


def scaled(levels: np.ndarray, top: int, new_top: int) -> np.ndarray:
    """Return round(levels * new_top / top) as uint16; both are 65535 at most."""
    return ((levels * np.uint32(new_top) + np.uint32(top // 2)) // np.uint32(top)).astype(np.uint16)


def image_file(samples: Samples) -> ImageFile:
    """Apply the orientation, find the bits that are used, and check the profile.

    Raises:
        Reason: the pixels are not 8 or 16 bit integers.
    """
    pixels = samples.pixels
    if pixels.dtype not in (np.uint8, np.uint16):
        raise Reason(DEPTH)
    pixels = _SHOWN.get(samples.orientation, lambda stored: stored)(pixels)
    alpha = pixels[..., -1] if pixels.shape[2] in (2, 4) else None
    colour = pixels if alpha is None else pixels[..., :-1]
    grey, notes, bits = colour.shape[2] == 1, list(samples.notes), samples.bits
    full = np.iinfo(pixels.dtype).max
    if pixels.dtype == np.uint16 and bits == 16:
        bits = _used(pixels if samples.associated else colour)
        notes += [f"uses {bits} of its 16 bits: read as {bits} bits"] * (bits < 16)
    top = full if pixels.dtype == np.uint8 else 2**bits - 1
    if samples.associated:
        colour = _divided(colour, pixels[..., -1:], top)
    if top < full:
        colour = scaled(colour, top, full)
        if alpha is not None and alpha.max() <= top:
            alpha = scaled(alpha, top, full)
    if samples.negative:
        colour = full - colour
    profile = _fitting(samples.profile, "GRAY" if grey else "RGB", notes)
    colour = np.ascontiguousarray(np.repeat(colour, 3, axis=2) if grey else colour)
    if alpha is not None:
        alpha = np.ascontiguousarray(alpha)
    density = samples.density
    if density and samples.orientation in _TURNED:
        density = density[::-1]
    return ImageFile(
        colour, alpha, grey, profile, bits, notes, density, samples.lossy, samples.header
    )


def _divided(colour: np.ndarray, alpha: np.ndarray, top: int) -> np.ndarray:
    """Undo the multiplication by alpha: round(top * colour / alpha), and 0 where alpha is 0."""
    divisor = np.maximum(alpha, 1).astype(np.uint32)
    quotient = (colour * np.uint32(top) + divisor // 2) // divisor
    return np.where(alpha > 0, np.minimum(quotient, top), 0).astype(colour.dtype)


def _used(colour: np.ndarray) -> int:
    """Return how many bits of uint16 the sensor filled.

    Cameras of 10 to 14 bits are often stored as they are. Such a photograph would be nearly black:
    at most a quarter of the full range.
    """
    highest = int(colour.max())
    return next((bits for bits in _SENSOR_BITS if 0 < highest < 2**bits), 16)


def _fitting(profile: bytes | None, wanted: str, notes: list[str]) -> bytes | None:
    """Return the profile if it is for the wanted colours (ICC.1:2022, table 17, bytes 16 to 19)."""
    if not profile:
        return None
    kind = profile[16:20].decode("ascii", "replace").strip()
    if kind == wanted and profile[36:40] == b"acsp":
        return profile
    colours = "grey" if wanted == "GRAY" else "RGB"
    notes.append(
        f"is {colours}, its colour profile is of kind {kind}: the profile is dropped"
        if profile[36:40] == b"acsp"
        else "has a damaged colour profile, which is dropped"
    )
    return None
