"""The work on one source file: verify, measure, crop, scale, write.

The result is a function of the file's bytes and of two options alone, so a local pool and Apache
Beam give the same.
"""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from srgan_keras.data.decode import Reason, decode, read_bytes
from srgan_keras.data.fov import cropped_to_fov, frame_problem, shrink
from srgan_keras.errors import UsageError
from srgan_keras.files import atomic_write
from srgan_keras.preparation import png
from srgan_keras.preparation.contact_sheet import thumbnail
from srgan_keras.preparation.duplicates import describe

_LEAST_SIDE = 32  # px; a smaller image shows no retina
_SMALL = 512  # px, long side of the image in which several fields of view are sought
_LEAST_CONTRAST = 2.0  # grey levels, standard deviation inside the field of view

Measured = dict[str, Any]
"""Fields of `prepared.Row` that depend on the file alone, and `described`, which finds copies."""


def take_in(
    path: Path, id_: str, out: Path, long_side: int, fov_mask: int, shown: bool = False
) -> Measured:
    """Preprocess one file: write `out/images/ID.png` and `out/masks/ID.png`, return measurements.

    Each is written whole or not at all. A skipped file has a `reason` and no images.

    Args:
        path: path of the source file.
        id_: name of the new files.
        out: the preprocessed dataset.
        long_side: long side of the image in px, never scaled up; 0 keeps the size.
        fov_mask: version of the mask of the field of view.
        shown: whether to return a `thumbnail` too, which the journal does not keep.
    """
    measured: Measured = {}
    try:
        data = read_bytes(path)
        measured["sha256"] = hashlib.sha256(data).hexdigest()
        image = decode(data, path)
        measured["source_height"], measured["source_width"] = image.shape[:2]
        if min(image.shape[:2]) < _LEAST_SIDE:
            raise Reason(f"a side under {_LEAST_SIDE} px")
        image, mask, box = _field_of_view(image, long_side, fov_mask)
    except Reason as reason:
        return measured | {"reason": str(reason)}
    measured |= dict(zip(("fov_left", "fov_top", "fov_width", "fov_height"), box, strict=True))
    measured["height"], measured["width"] = mask.shape
    measured["fov_share"] = round(cv2.countNonZero(mask.view(np.uint8)) / mask.size, 4)
    measured["described"] = asdict(describe(image))
    measured["sharpness"] = round(sharpness(image, mask), 2)
    _write(out / "images" / f"{id_}.png", image)
    _write(out / "masks" / f"{id_}.png", mask.view(np.uint8) * 255)
    if shown:
        measured["thumbnail"] = thumbnail(image, mask)
    return measured | {"reason": ""}


def sharpness(image: np.ndarray, mask: np.ndarray) -> float:
    """Return the variance of the Laplacian of the green channel inside the mask without its edge.

    Args:
        image: uint8 RGB [H, W, 3].
        mask: bool [H, W].

    Returns:
        Grey levels squared; 0 if the mask is too small.
    """
    inside = cv2.erode(mask.view(np.uint8), np.ones((9, 9), np.uint8))
    laplacian = cv2.Laplacian(cv2.extractChannel(image, 1), cv2.CV_16S)
    return float(cv2.meanStdDev(laplacian, mask=inside)[1].item() ** 2)


def _field_of_view(
    image: np.ndarray, long_side: int, version: int
) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int]]:
    try:
        problem = frame_problem(shrink(image, _SMALL), version)
        image, mask, box = cropped_to_fov(image, long_side, version)
    except UsageError:
        raise Reason("a strip") from None
    if not mask.any() or not _has_contrast(image, mask):
        raise Reason("no field of view")
    if problem:
        raise Reason(problem)
    return image, mask, box


def _has_contrast(image: np.ndarray, mask: np.ndarray) -> bool:
    channels = (cv2.extractChannel(image, channel) for channel in (1, 0, 2))
    deviations = (cv2.meanStdDev(c, mask=mask.view(np.uint8))[1].item() for c in channels)
    return any(deviation >= _LEAST_CONTRAST for deviation in deviations)


def _write(file: Path, image: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as partial:
        partial.write_bytes(png.encode(image))
