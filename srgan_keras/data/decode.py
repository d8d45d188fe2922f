"""From a file to uint8 RGB pixels, by one policy for every command.

8 bit RGB stays as it is, with the EXIF orientation applied. 16 bit becomes round(v / 257). Grey and
palette become RGB, transparent pixels are composited over black, and Pillow converts CMYK to RGB.
Everything else is skipped with a `Reason`: nothing is guessed or repaired.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
"""The suffixes of photographs. `inference.image_files` reads all of them but BMP."""

MAX_PIXELS = 64 * 2**20
"""Larger frames are not decoded: a decompression bomb makes them, a fundus camera does not."""

_FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "BMP", "WEBP")
_OPENCV = ("1", "L", "RGB", "YCbCr", "I;16", "I;16B", "I;16L")
_PILLOW = ("P", "PA", "LA", "RGBA", "CMYK")
_TOO_LARGE = f"over {MAX_PIXELS >> 20} megapixels"
_DAMAGED = "truncated or damaged"
_DEPTH = "pixels other than 8 or 16 bit integers"


class Reason(Exception):
    """The reason why a file is skipped; the words are the same for every such file."""


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        Reason: it is empty, missing, or not readable.
    """
    try:
        data = path.read_bytes()
    except PermissionError:
        raise Reason("no permission to read") from None
    except FileNotFoundError:
        raise Reason("link to nothing" if path.is_symlink() else "not there") from None
    except OSError as error:
        raise Reason((error.strerror or "cannot be read").lower()) from None
    if not data:
        raise Reason("empty file")
    return data


def decode(data: bytes) -> np.ndarray:
    """Decode a PNG, JPEG, TIFF, BMP or WebP file.

    Returns:
        uint8 RGB [H, W, 3].

    Raises:
        Reason: the policy above skips it.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            mode = _checked_mode(image)
            if mode in _PILLOW:
                return _by_pillow(ImageOps.exif_transpose(image))
            deep = image.format == "TIFF" or ";16" in str(image.tile)
        pixels = _by_opencv(np.frombuffer(data, np.uint8), deep)
    except UnidentifiedImageError:  # Pillow does not say why it refuses a TIFF
        tiff = data[:4] in (b"II*\0", b"MM\0*")
        raise Reason(f"damaged, or {_DEPTH}" if tiff else "not an image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Reason(_TOO_LARGE) from None
    except (OSError, SyntaxError, ValueError, cv2.error):
        raise Reason(_DAMAGED) from None
    if pixels is None:
        raise Reason(_DAMAGED)
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise Reason(_DEPTH)
    return pixels


def _checked_mode(image: Image.Image) -> str:
    width, height = image.size
    if image.format not in _FORMATS:
        raise Reason("not an image")
    if width * height > MAX_PIXELS:
        raise Reason(_TOO_LARGE)
    # an MPO is a JPEG with a second view or a thumbnail behind it
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise Reason("several frames")
    if image.mode not in (*_OPENCV, *_PILLOW):
        raise Reason(_DEPTH)
    if image.mode in ("LA", "RGBA") and ";16" in str(image.tile):
        raise Reason("16 bit with transparency")
    return image.mode


def _by_opencv(data: np.ndarray, deep: bool) -> np.ndarray | None:
    if not deep:
        return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    # asked for RGB, OpenCV 5.0 returns wrong pixels for a TIFF of 16 bit
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    return None if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _by_pillow(image: Image.Image) -> np.ndarray:
    if image.mode == "CMYK":
        return np.asarray(image.convert("RGB"))
    colours = image.convert("RGBA")
    black = Image.new("RGBA", colours.size, (0, 0, 0, 255))
    return np.asarray(Image.alpha_composite(black, colours).convert("RGB"))
