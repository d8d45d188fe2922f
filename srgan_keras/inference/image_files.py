"""Reading what is upscaled, and writing results. `docs/image-files.md` has the policy.

Other metadata (names, dates, places) are not copied.
"""

from dataclasses import replace
from pathlib import Path

from srgan_keras.data import decode
from srgan_keras.data.image_file import ImageFile
from srgan_keras.files import atomic_write
from srgan_keras.inference.encode import encode
from srgan_keras.inference.provenance import Provenance

_FORMATS = {
    **{".png": "png", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp"},
    **{".jpg": "jpeg", ".jpeg": "jpeg", ".dcm": "dicom"},
}


def read(path: Path) -> ImageFile:
    """Read a file with everything that `write` keeps.

    Raises:
        Reason: the policy of `srgan_keras.data.decode` refuses it.
    """
    return from_bytes(decode.read_bytes(path))


def from_bytes(data: bytes) -> ImageFile:
    """Read the bytes of a file: see `read`."""
    image = decode.read(data)
    if image.grey and image.alpha is not None and image.profile:
        note = "is grey with alpha, and becomes RGBA: its profile for grey is dropped"
        return replace(image, profile=None, notes=[*image.notes, note])
    return image


def write(
    path: Path, image: ImageFile, about: Provenance | None = None, keep_identity: bool = False
) -> None:
    """Write a file in the format of its suffix, whole or not at all: see `encode`.

    Raises:
        OSError: it cannot be written.
        Reason: the format cannot hold the image.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial, partial.open("wb") as file:
        encode(file, image, _FORMATS[path.suffix], about, keep_identity)
