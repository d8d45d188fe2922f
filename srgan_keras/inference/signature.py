"""The mark by which `upscale` knows its own results: the name of the package as their software.

It is a text chunk of a PNG and a tag of a TIFF, so a file that is moved or copied keeps it. A
program that writes the file again drops it.
"""

import struct
import zlib
from pathlib import Path

import tifffile

SOFTWARE = "srgan_keras"
_PLACE = 33
"""Bytes of a PNG's signature and header, which come first."""


def _chunk() -> bytes:
    content = b"tEXt" + b"Software\x00" + SOFTWARE.encode()
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def write_signed_png(path: Path, data: memoryview) -> None:
    """Write the bytes of a PNG with the mark after its header."""
    with path.open("wb") as file:
        file.writelines((data[:_PLACE], _chunk(), data[_PLACE:]))


def is_signed(path: Path) -> bool:
    """Tell whether `upscale` wrote a PNG or TIFF file, and no other program since. No link is."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(4) == b"\x89PNG":
            file.seek(_PLACE)
            return file.read(len(_chunk())) == _chunk()
    try:
        with tifffile.TiffFile(path) as file:
            return file.pages[0].software == SOFTWARE
    except Exception:  # whatever a damaged file makes tifffile raise: it is not a result
        return False
