"""Reading and writing image files without losing what is in them.

8 bit stays 8 bit, 16 bit stays 16 bit, grey stays grey. An alpha channel and an ICC profile are
kept. A camera's orientation tag is applied to the pixels. Other metadata (names, dates, places) are
not copied. A file whose contents cannot be kept is refused with the reason.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageOps

from srgan_keras.data import decode
from srgan_keras.files import atomic_write
from srgan_keras.inference.signature import SOFTWARE, write_signed_png

# OpenCV does not see the ICC profile of a BMP file
SUFFIXES = tuple(suffix for suffix in decode.SUFFIXES if suffix != ".bmp")


class ImageFileError(Exception):
    """A file that cannot be read without loss; the message says why and what to do."""


@dataclass
class ImageFile:
    """The contents of an image file.

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


def read(path: Path) -> ImageFile:
    """Read a PNG, JPEG, TIFF or WebP file.

    Raises:
        ImageFileError: it is of another kind, damaged, or holds something that would be lost.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        pixels, orientation, profile = _read_tiff(path)
    else:
        pixels, metadata = _decode(path)
        orientation = _orientation(metadata.get(cv2.IMAGE_METADATA_EXIF))
        profile = metadata.get(cv2.IMAGE_METADATA_ICCP)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageFileError(f"has pixels of type {pixels.dtype}: convert it to 8 or 16 bit")
    grey = pixels.ndim == 2
    if profile and profile[16:20] != (b"GRAY" if grey else b"RGB "):
        space = profile[16:20].decode("ascii", "replace").strip()
        raise ImageFileError(f"has a colour profile of kind {space}: convert it to RGB")
    pixels = _transposed(pixels, orientation)
    alpha = None
    if grey:
        pixels = np.stack([pixels] * 3, axis=-1)
    elif pixels.shape[2] == 4:
        alpha = pixels[..., 3]
        pixels = pixels[..., 2::-1]
    else:
        pixels = pixels[..., ::-1]
    return ImageFile(np.ascontiguousarray(pixels), alpha, grey, profile)


def write(path: Path, image: ImageFile) -> None:
    """Write a PNG or a TIFF, by the suffix, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        if path.suffix == ".png":
            write_signed_png(partial, _png(image))
        else:
            _write_tiff(partial, image)


def _png(image: ImageFile) -> memoryview:
    _, data = cv2.imencodeWithMetadata(
        ".png",
        _channels(image, bgr=True),
        [cv2.IMAGE_METADATA_ICCP] if image.profile else [],
        [np.frombuffer(image.profile, np.uint8)] if image.profile else [],
        # level 1: on photographs a fifth larger than level 6, and five times as fast
        [cv2.IMWRITE_PNG_COMPRESSION, 1],
    )
    return data.data


def _write_tiff(path: Path, image: ImageFile) -> None:
    tifffile.imwrite(
        path,
        _channels(image, bgr=False),
        photometric="minisblack" if image.grey and image.alpha is None else "rgb",
        extrasamples=None if image.alpha is None else ["unassalpha"],
        iccprofile=image.profile,
        software=SOFTWARE,
        compression="zlib",
        rowsperstrip=64,
        metadata=None,
    )


def _channels(image: ImageFile, bgr: bool) -> np.ndarray:
    """Return the file's channels; a grey file with alpha becomes RGBA."""
    colour, alpha = image.colour, image.alpha
    if image.grey and alpha is None:
        return np.ascontiguousarray(colour[..., 0])
    if alpha is not None:
        return np.dstack([colour[..., ::-1] if bgr else colour, alpha])
    return cv2.cvtColor(colour, cv2.COLOR_RGB2BGR) if bgr else colour


def _decode(path: Path) -> tuple[np.ndarray, dict[int, bytes]]:
    """Return the pixels, grey, BGR or BGRA, and the metadata by kind."""
    data = np.fromfile(path, np.uint8)
    try:
        pixels, kinds, parts = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageFileError("is damaged, or no PNG, JPEG, TIFF or WebP file")
    return pixels, {int(k): part.tobytes() for k, part in zip(kinds, parts, strict=True)}


def _read_tiff(path: Path) -> tuple[np.ndarray, int, bytes | None]:
    """Return the pixels as `_decode` does, the orientation that is left to apply, the ICC profile.

    OpenCV applies a TIFF's orientation, but does not see its profile. It would read some files as
    something else: tifffile finds them. Files with alpha, by which OpenCV would multiply the
    colours, are read by tifffile too.
    """
    try:
        with tifffile.TiffFile(path) as file:
            pages, page = len(file.pages), file.pages[0]
            colours, samples = page.photometric.name, page.samplesperpixel
            profile = page.tags.valueof(ExifTags.Base.InterColorProfile)
            if pages > 1:
                raise ImageFileError(f"has {pages} pages: split it")
            if colours not in ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR"):
                raise ImageFileError(f"has colours of kind {colours}: convert it to RGB")
            if samples not in (1, 3, 4):
                raise ImageFileError(f"has {samples} channels: convert it to grey, RGB or RGBA")
            if samples == 4:
                orientation = page.tags.valueof(ExifTags.Base.Orientation, default=1)
                return page.asarray()[..., [2, 1, 0, 3]], orientation, profile
    except (tifffile.TiffFileError, ValueError, IndexError, OSError) as error:
        raise ImageFileError(f"cannot be read as a TIFF ({error})") from None
    return _decode(path)[0], 1, profile


def _orientation(exif: bytes | None) -> int:
    tags = Image.Exif()
    try:
        tags.load(exif or b"")
    except (SyntaxError, ValueError, OSError):  # damaged: no orientation is known
        return 1
    return tags.get(ExifTags.Base.Orientation, 1)


def _transposed(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply an EXIF orientation, a channel at a time: Pillow has no colours of 16 bit."""
    if orientation == 1:
        return pixels
    channels = []
    for channel in np.atleast_3d(pixels).transpose(2, 0, 1):
        image = Image.fromarray(np.ascontiguousarray(channel))
        image.getexif()[ExifTags.Base.Orientation] = orientation
        channels.append(np.asarray(ImageOps.exif_transpose(image)))
    return channels[0] if pixels.ndim == 2 else np.stack(channels, axis=-1)
