"""Reading and writing photographs without losing what is in them.

8 bit stays 8 bit, 16 bit stays 16 bit, grey stays grey, an alpha channel and an ICC profile are
kept. A camera's orientation tag is applied to the pixels. Other metadata (names, dates, places) are
left behind. What cannot be kept is refused, by name.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

KINDS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")

_TAGS = _ORIENTATION, _ICC_PROFILE = 274, 34675
_TURN: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


class ImageFileError(Exception):
    """A file that cannot be read as it is; the message says why."""


@dataclass
class Photograph:
    """What a file holds.

    Attributes:
        colour: uint8 or uint16 RGB [H, W, 3]; of a grey file three equal channels.
        alpha: of the same type, [H, W], or None.
        grey: whether the file is grey.
        profile: ICC profile or None.
    """

    colour: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    profile: bytes | None = None


def read(path: Path) -> Photograph:
    """Read a PNG, JPEG, TIFF or WebP file.

    Raises:
        ImageFileError: it is none, damaged, or holds what would be lost.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        pixels, profile = _read_tiff(path)
    else:
        pixels, metadata = _decode(path)
        pixels = _turned(pixels, metadata.get(cv2.IMAGE_METADATA_EXIF))
        profile = metadata.get(cv2.IMAGE_METADATA_ICCP)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageFileError(f"has pixels of type {pixels.dtype}: convert it to 8 or 16 bit")
    grey = pixels.ndim == 2
    if profile and profile[16:20] != (b"GRAY" if grey else b"RGB "):
        space = profile[16:20].decode("ascii", "replace").strip()
        raise ImageFileError(f"has a colour profile of kind {space}: convert it to RGB")
    alpha = None
    if grey:
        pixels = np.stack([pixels] * 3, axis=-1)
    elif pixels.shape[2] == 4:
        alpha = pixels[..., 3]
        pixels = pixels[..., 2::-1]
    else:
        pixels = pixels[..., ::-1]
    return Photograph(np.ascontiguousarray(pixels), alpha, grey, profile)


def write(path: Path, photograph: Photograph) -> None:
    """Write a PNG or a TIFF, by the suffix: beside its place first, then renamed.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        if path.suffix == ".png":
            partial.write_bytes(_png(photograph))
        else:
            _write_tiff(partial, photograph)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _png(photograph: Photograph) -> memoryview:
    profile = photograph.profile
    _, data = cv2.imencodeWithMetadata(
        ".png",
        _channels(photograph, bgr=True),
        [cv2.IMAGE_METADATA_ICCP] if profile else [],
        [np.frombuffer(profile, np.uint8)] if profile else [],
        # level 1: on photographs a fifth larger than level 6, and five times as fast
        [cv2.IMWRITE_PNG_COMPRESSION, 1],
    )
    return data.data


def _write_tiff(path: Path, photograph: Photograph) -> None:
    tifffile.imwrite(
        path,
        _channels(photograph, bgr=False),
        photometric="minisblack" if photograph.grey and photograph.alpha is None else "rgb",
        extrasamples=None if photograph.alpha is None else ["unassalpha"],
        iccprofile=photograph.profile,
        compression="zlib",
        rowsperstrip=64,
        metadata=None,
    )


def _channels(photograph: Photograph, bgr: bool) -> np.ndarray:
    """Return the file's channels; a grey file with alpha becomes RGBA."""
    colour, alpha = photograph.colour, photograph.alpha
    if photograph.grey and alpha is None:
        return np.ascontiguousarray(colour[..., 0])
    if alpha is not None:
        return np.dstack([colour[..., ::-1] if bgr else colour, alpha])
    return cv2.cvtColor(colour, cv2.COLOR_RGB2BGR) if bgr else colour


def _decode(path: Path) -> tuple[np.ndarray, dict[int, bytes]]:
    """Return the pixels, BGR or BGRA where they are no greys, and the metadata by kind."""
    data = np.fromfile(path, np.uint8)
    try:
        pixels, kinds, parts = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageFileError("is damaged, or no PNG, JPEG, TIFF or WebP file")
    return pixels, {int(k): part.tobytes() for k, part in zip(kinds, parts, strict=True)}


def _read_tiff(path: Path) -> tuple[np.ndarray, bytes | None]:
    """Return what `_decode` gives, turned, and the ICC profile, which OpenCV does not see.

    Refuses what OpenCV would read as something else. It would multiply colours by alpha, too: with
    alpha, tifffile reads the pixels.
    """
    try:
        with tifffile.TiffFile(path) as file:
            pages, page = len(file.pages), file.pages[0]
            colours, samples = page.photometric.name, page.samplesperpixel
            tags = {code: page.tags[code].value for code in _TAGS if code in page.tags}
            if pages > 1:
                raise ImageFileError(f"has {pages} pages: split it")
            if colours not in ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR"):
                raise ImageFileError(f"has colours of kind {colours}: convert it to RGB")
            if samples not in (1, 3, 4):
                raise ImageFileError(f"has {samples} channels: convert it to grey, RGB or RGBA")
            if samples == 4:
                pixels = page.asarray()
                turn = _TURN.get(tags.get(_ORIENTATION, 1), _TURN[1])
                return turn(pixels)[..., [2, 1, 0, 3]], tags.get(_ICC_PROFILE)
    except (tifffile.TiffFileError, ValueError, IndexError, OSError) as error:
        raise ImageFileError(f"cannot be read as a TIFF ({error})") from None
    return _decode(path)[0], tags.get(_ICC_PROFILE)


def _turned(pixels: np.ndarray, exif: bytes | None) -> np.ndarray:
    """Apply the orientation."""
    if exif is None:
        return pixels
    tags = Image.Exif()
    try:
        tags.load(exif)
    except (SyntaxError, ValueError, OSError):  # damaged: there is nothing to follow
        return pixels
    return _TURN.get(tags.get(_ORIENTATION, 1), _TURN[1])(pixels)
