"""One photograph: a file, one of a preprocessed dataset, a TFDS record, or a phantom."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srgan_keras.data.decode import Reason, decode, read_bytes
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom

SPLITS = ("train", "validation", "test")
PHANTOM_SIZE = 512  # px, before scaling to the working size
DEFAULT_PHANTOMS = 64
"""N of `phantom` without a number."""


@dataclass(frozen=True)
class Photograph:
    """One photograph: a file, a record, or a phantom."""

    id: str
    split: str
    """train, validation or test."""
    sha256: str
    """Hash of the bytes of the original file, or of a phantom's seed and size."""
    path: Path | None = None
    seed: int | None = None
    """Seed of a phantom."""
    grade: int | None = None
    """Grade of diabetic retinopathy, 0 to 4, if a table gives it."""
    mask_path: Path | None = None
    """Field of view of a preprocessed photograph, which is already cropped to it."""
    record: Callable[[], dict[str, Any]] | None = None
    """Reads `image` and `fov_mask` of a TFDS record, as encoded bytes."""
    lr_path: Path | None = None
    """LR of a paired dataset, where `path` is HR: `paired.align` aligns both."""
    lr_sha256: str = ""
    """Hash of the bytes of LR's file."""

    @property
    def hashes(self) -> tuple[str, ...]:
        """The sha256 of each file that the photograph is made of."""
        return (self.sha256, self.lr_sha256) if self.lr_sha256 else (self.sha256,)

    def read(self) -> np.ndarray:
        """Return the pixels, uint8 RGB [H, W, 3], by the policy of `srgan_keras.data.decode`.

        Raises:
            UsageError: the file cannot be decoded.
        """
        if self.seed is not None:
            return phantom(self.seed, PHANTOM_SIZE).image
        if self.record is not None:
            return decode(self.record()["image"])
        return decode_file(self.path)

    def read_lr(self) -> np.ndarray:
        """Return LR of a paired dataset, uint8 RGB [h, w, 3].

        Raises:
            UsageError: the file cannot be decoded.
        """
        return decode_file(self.lr_path)

    def mask(self) -> np.ndarray | None:
        """Return the field of view that comes with the photograph, bool [H, W], or None."""
        if self.record is not None:
            return decode(self.record()["fov_mask"])[..., 0] > 0
        return None if self.mask_path is None else decode_file(self.mask_path)[..., 0] > 0


def phantom_count(dataset: str, least: int = 1) -> int | None:
    """Return N if DATASET is `phantom[:N]`, otherwise None.

    Raises:
        UsageError: N is less than `least`.
    """
    if not re.fullmatch(r"phantom(:\d+)?", dataset):
        return None
    count = int(dataset.partition(":")[2] or DEFAULT_PHANTOMS)
    if count < least:
        raise UsageError(f"{dataset} is too few photographs: use phantom:{least} or more")
    return count


def phantom_sha256(seed: int) -> str:
    """Return the hash that stands for a phantom where photographs have that of their bytes."""
    return hashlib.sha256(f"phantom {seed} {PHANTOM_SIZE}".encode()).hexdigest()


def decode_file(path: Path) -> np.ndarray:
    """Return the pixels of a file, uint8 RGB [H, W, 3], by the policy of `srgan_keras.data.decode`.

    Raises:
        UsageError: the file cannot be decoded.
    """
    try:
        return decode(read_bytes(path), path)
    except Reason as reason:
        raise UsageError(f"cannot decode {path} ({reason}): replace or remove it") from None
