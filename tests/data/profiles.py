"""ICC profiles for tests: sRGB, Adobe RGB (1998), grey, one for CMYK, one that is damaged."""

import struct

from PIL import ImageCms

_XYZ = struct.Struct(">4s4xiii")


def _xyz(*values: float) -> bytes:
    return _XYZ.pack(b"XYZ ", *(round(value * 65536) for value in values))


def _gamma(value: float) -> bytes:
    return b"curv" + struct.pack(">4xIH2x", 1, round(value * 256))


def _text(kind: bytes, text: bytes) -> bytes:
    if kind == b"desc":
        return b"desc" + struct.pack(">4xI", len(text) + 1) + text + bytes(79)
    return b"text" + bytes(4) + text + b"\0"


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return a profile of version 2.4 for a display (ICC.1:2001-04)."""
    white = _xyz(0.9642, 1, 0.8249)
    tags = {
        b"desc": _text(b"desc", b"test"), b"cprt": _text(b"text", b"none"), b"wtpt": white, **tags
    }  # fmt: skip
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(value))
        body += value
    head = bytearray(128)
    head[8:12], head[12:16], head[16:20], head[20:24] = b"\x02\x40\0\0", b"mntr", space, b"XYZ "
    head[36:40], head[68:80] = b"acsp", white[8:]
    head[:4] = struct.pack(">I", 128 + len(table) + len(body))
    return bytes(head) + table + body


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ADOBE = _profile(
    b"RGB ",
    {
        b"rXYZ": _xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": _xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": _xyz(0.14919, 0.06322, 0.74457),
        b"rTRC": _gamma(563 / 256),
        b"gTRC": _gamma(563 / 256),
        b"bTRC": _gamma(563 / 256),
    },
)
GREY = _profile(b"GRAY", {b"kTRC": _gamma(1.8)})
CMYK = SRGB[:16] + b"CMYK" + SRGB[20:]
DAMAGED = SRGB[:36] + b"ruin" + SRGB[40:]
