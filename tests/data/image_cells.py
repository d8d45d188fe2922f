"""What the cells of the image matrix are made of."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.data.profiles import ADOBE, CMYK, DAMAGED, GREY, SRGB

RNG = np.random.default_rng(0)
SHAPE = (6, 9)
# the largest level occurs, as it does in a photograph
RGBA = RNG.integers(0, 256, (*SHAPE, 4), np.uint8)
RGBA[0, 0], RGBA[0, 1], RGBA[0, 2] = 255, (9, 8, 7, 0), (200, 100, 50, 255)
DEEP = RGBA.astype(np.uint16) * 256 + RNG.integers(0, 256, RGBA.shape, np.uint16)
DEEP[0, 0], DEEP[0, 1, 3] = 65535, 0
COUNT = {"grey": 1, "negative": 1, "grey alpha": 2, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True)
class Cell:
    """A file.

    Attributes:
        name: what is in it.
        data: its bytes.
        refused: words of the reason, or an empty string.
        colour, alpha: pixels as stored, over the full range of their type; grey has [H, W].
        bits: of 16.
        orientation: to be applied to the pixels.
        profile: that is in the file.
        tolerance: grey levels.
        notes: words of what is said.
    """

    name: str
    data: bytes
    refused: str = ""
    colour: np.ndarray | None = None
    alpha: np.ndarray | None = None
    bits: int = 16
    orientation: int = 1
    profile: bytes | None = None
    tolerance: int = 0
    notes: tuple[str, ...] = ()

    @property
    def kept_profile(self) -> bytes | None:
        """The profile, if it is for the colours of the file."""
        wanted = b"GRAY" if self.colour.ndim == 2 else b"RGB "
        fits = self.profile is not None and self.profile[16:20] == wanted
        return self.profile if fits and self.profile != DAMAGED else None


def drawn(channels: str, depth: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """Return what to store, and what to read: colour, alpha, bits."""
    full = RGBA if depth == "8" else DEEP
    bits = {"8": 16, "16": 16}.get(depth) or int(depth.split()[0])
    stored = full if bits == 16 else full >> (16 - bits)
    read = stored if bits == 16 else np.rint(stored * (65535 / (2**bits - 1))).astype(np.uint16)
    match COUNT[channels]:
        case 1:
            return stored[..., 0], read[..., 0], None, bits
        case 2:
            return stored[..., [0, 3]], read[..., 0], read[..., 3], bits
        case 3:
            return stored[..., :3], read[..., :3], None, bits
    return stored, read[..., :3], read[..., 3], bits


def profiles(colour: np.ndarray) -> list[tuple[bytes | None, tuple[str, ...]]]:
    """Return profiles, and what is said about each."""
    if colour.ndim == 2:
        return [(None, ()), (GREY, ()), (SRGB, ("is grey, its colour profile is of kind RGB",))]
    dropped = "is RGB, its colour profile is of kind"
    return [
        (None, ()), (SRGB, ()), (ADOBE, ()), (GREY, (f"{dropped} GRAY",)),
        (CMYK, (f"{dropped} CMYK",)), (DAMAGED, ("damaged colour profile",)),
    ]  # fmt: skip


def tags(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def saved(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = (
        image if isinstance(image, Image.Image) else Image.fromarray(np.ascontiguousarray(image))
    )
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def said_of_bits(bits: int) -> tuple[str, ...]:
    return (f"uses {bits} of its 16 bits",) if bits < 16 else ()
