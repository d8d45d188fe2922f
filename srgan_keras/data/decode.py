"""Reading image files, by one policy for every command: `docs/image-files.md` has its table.

The content of a file decides how it is read, not its suffix. Nothing is guessed or repaired: a file
is read exactly, or refused with a `Reason`.
"""

import logging
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, ImageCms

from srgan_keras.data.image_file import DAMAGED, TOO_LARGE, ImageFile, Reason, Samples, image_file
from srgan_keras.data.profiles import to_srgb
from srgan_keras.data.raster import read_raster
from srgan_keras.data.tiff import read_tiff

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom")
"""The suffixes of photographs, by which they are found in a folder."""

NO_DICOM = "a DICOM file: to read it, run `pip install 'srgan_keras[dicom]'`"


def _read_dicom(data: bytes) -> Samples:
    try:
        from srgan_keras.data.dicom import read_dicom
    except ModuleNotFoundError as error:
        if error.name != "pydicom":
            raise
        raise Reason(NO_DICOM) from None
    return read_dicom(data)


_READERS = (  # place and magic numbers of each kind of file
    (128, (b"DICM",), _read_dicom),
    (0, (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"), read_raster),
    (8, (b"WEBP",), read_raster),
    (0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
    # DICOM without a preamble begins with one of these elements
    (0, (b"\2\0\0\0", b"\2\0\x10\0", b"\x08\0\5\0", b"\x08\0\x08\0", b"\x08\0\x16\0"), _read_dicom),
)


def is_photograph(path: Path) -> bool:
    """Tell whether a file in a folder counts as a photograph: by its suffix, or as DICOM."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if path.name == "DICOMDIR" or not path.is_file():  # it is a table of contents
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def stem(path: PurePath) -> str:
    """Return a file's name without its suffix. A number is no suffix: it is the end of a UID."""
    return path.name if path.suffix[1:].isdecimal() else path.stem


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


def read(data: bytes) -> ImageFile:
    """Read a PNG, JPEG, TIFF, BMP, WebP or DICOM file with everything that is in it.

    Raises:
        Reason: the policy refuses it.
    """
    readers = [reader for at, magic, reader in _READERS if data.startswith(magic, at)]
    if not readers:
        raise Reason("not a PNG, JPEG, TIFF, BMP, WebP or DICOM file")
    try:
        return image_file(readers[0](data))
    except Reason:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Reason(TOO_LARGE) from None
    except Exception:  # a decoder may raise anything on a damaged file
        raise Reason(DAMAGED) from None


def decode(data: bytes, path: Path | None = None) -> np.ndarray:
    """Read a file for training and measuring: 8 bit, over black, in sRGB.

    Args:
        data: the bytes of a file.
        path: names the file where the log says what was scaled, converted or dropped.

    Returns:
        uint8 RGB [H, W, 3].

    Raises:
        Reason: the policy refuses it.
    """
    image = read(data)
    pixels = image.eight_bit()
    if image.profile:
        try:
            pixels = to_srgb(pixels, image.profile, image.grey)
        except (ImageCms.PyCMSError, OSError):
            image.notes.append("has a damaged colour profile, which is dropped")
    for note in image.notes if path else ():
        log.warning("%s %s", path, note)
    return pixels
