"""The mark by which `upscale` knows its own results: the name of the package as their software.

It is a text chunk of PNG, a tag of TIFF, the creator in the XMP of JPEG and WebP, and the
implementation of DICOM. A file that is moved or copied keeps it. A program that writes the file
again drops it.
"""

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import tifffile
from PIL import ExifTags
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from srgan_keras.data import raster, tiff
from srgan_keras.data.image_file import Density
from srgan_keras.inference.provenance import SOFTWARE, from_xmp

DICOM_NAME = SOFTWARE.upper()
"""The implementation version name of DICOM files."""

PNG_HEAD = 33
"""Bytes of a PNG's signature and header, which come first."""

DESCRIPTION = "Description"
"""Keyword of the text chunk of a PNG that holds the provenance."""


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    whole = kind + content
    return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))


PNG_MARK = chunk(b"tEXt", b"Software\x00" + SOFTWARE.encode())
"""The chunk after the header of a PNG."""


class Result(NamedTuple):
    """The head of a file that `upscale` wrote.

    Attributes:
        text: the provenance; empty in files of versions before it.
        width: px.
        height: px.
        density: of its pixels, or None.
    """

    text: str
    width: int
    height: int
    density: Density | None


def is_signed(path: Path) -> bool:
    """Tell whether `upscale` wrote a file, and no other program since. No link is."""
    return not path.is_symlink() and path.is_file() and result(path) is not None


def result(path: Path) -> Result | None:
    """Read the head of a file that `upscale` wrote; of any other file, return None."""
    with path.open("rb") as file:
        head = file.read(PNG_HEAD + len(PNG_MARK) + 132)
    try:
        if head.startswith(b"\x89PNG"):
            signed = head.startswith(PNG_MARK, PNG_HEAD)
            return _of_pillow(path, PngImageFile) if signed else None
        if head.startswith(b"\xff\xd8"):
            return _of_pillow(path, JpegImageFile)
        if head.startswith(b"WEBP", 8):
            return _of_pillow(path, WebPImageFile)
        if head.startswith(b"DICM", 128):
            return _of_dicom(path)
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            if page.software != SOFTWARE:
                return None
            text = page.tags.valueof(ExifTags.Base.ImageDescription, default="")
            return Result(text, page.imagewidth, page.imagelength, tiff.density(page))
    except Exception:  # whatever a damaged file makes a reader raise: it is not a result
        return None


def _of_pillow(path: Path, kind: type[ImageFile]) -> Result | None:
    with kind(path) as image:  # not Image.open, which refuses large ones
        if kind is PngImageFile:
            text = image.info.get(DESCRIPTION, "")
        else:
            text = from_xmp(image.info.get("xmp", b""))
        if text is None:
            return None
        exif = {} if kind is PngImageFile else image.getexif()
        return Result(text, *image.size, raster.density(image, exif))


def _of_dicom(path: Path) -> Result | None:
    from pydicom import dcmread

    from srgan_keras.data.dicom import density

    dataset = dcmread(path, stop_before_pixels=True)
    if dataset.file_meta.get("ImplementationVersionName") != DICOM_NAME:
        return None
    text = dataset.DerivationDescription.replace("\r\n", "\n")
    return Result(text, dataset.Columns, dataset.Rows, density(dataset))
