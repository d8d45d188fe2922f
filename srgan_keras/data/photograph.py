"""One photograph: a file, one of a prepared folder, a record of a dataset, or a phantom."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srgan_keras.data.decode import Reason, decode, read_bytes
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom

SPLITS = ("train", "validation", "test")
PHANTOM_SIZE = 512  # px, before the photographs are scaled to their working size


@dataclass(frozen=True)
class Photograph:
    """One photograph: a file, a record, or the seed of a phantom."""

    id: str
    split: str
    """train, validation or test."""
    sha256: str
    """Of the original file's bytes, or of the phantom's seed and size."""
    path: Path | None = None
    seed: int | None = None
    grade: int | None = None
    """Diabetic retinopathy, 0 to 4, where a table gives it."""
    mask_path: Path | None = None
    """Field of view of a prepared photograph, which is cropped to it already."""
    record: Callable[[], dict[str, Any]] | None = None
    """Reads `image` and `fov_mask` of a TensorFlow dataset, as encoded bytes."""

    def read(self) -> np.ndarray:
        """Return the pixels, uint8 RGB [H, W, 3], by the policy of `decode`.

        Raises:
            UsageError: the file cannot be decoded.
        """
        if self.seed is not None:
            return phantom(self.seed, PHANTOM_SIZE).image
        if self.record is not None:
            return decode(self.record()["image"])
        return _decoded(self.path)

    def mask(self) -> np.ndarray | None:
        """Return the field of view that comes with a photograph, bool [H, W], or None."""
        if self.record is not None:
            return decode(self.record()["fov_mask"])[..., 0] > 0
        return None if self.mask_path is None else _decoded(self.mask_path)[..., 0] > 0


def _decoded(path: Path) -> np.ndarray:
    try:
        return decode(read_bytes(path))
    except Reason as reason:
        raise UsageError(f"cannot decode {path} ({reason}): replace or remove it") from None
