"""Writing image files without losing what was in them.

8 bit stays 8 bit, 16 bit stays 16 bit, grey stays grey. An alpha channel and an ICC profile are
kept. Other metadata (names, dates, places) are not copied. `docs/image-files.md` has the policy.
"""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import tifffile

from srgan_keras.data import decode
from srgan_keras.data.image_file import ImageFile
from srgan_keras.files import atomic_write
from srgan_keras.inference.signature import SOFTWARE, write_signed_png


def read(path: Path) -> ImageFile:
    """Read a file with everything that `write` keeps.

    Raises:
        Reason: the policy of `srgan_keras.data.decode` refuses it.
    """
    image = decode.read(decode.read_bytes(path))
    if image.grey and image.alpha is not None and image.profile:
        note = "is grey with alpha, and becomes RGBA: its profile for grey is dropped"
        return replace(image, profile=None, notes=[*image.notes, note])
    return image


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
    colour = image.stored(image.colour)
    alpha = None if image.alpha is None else image.stored(image.alpha)
    if image.grey and alpha is None:
        return np.ascontiguousarray(colour[..., 0])
    if alpha is not None:
        return np.dstack([colour[..., ::-1] if bgr else colour, alpha])
    return cv2.cvtColor(colour, cv2.COLOR_RGB2BGR) if bgr else colour
