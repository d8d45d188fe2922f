"""Training photographs at their working resolutions, decoded once into one memory-mapped file.

A crop reads the rows that it needs from the page cache, so that memory stays bounded whatever the
number of photographs. No PNG is decoded twice.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from srgan_keras.config import Data
from srgan_keras.data import paired
from srgan_keras.data.fov import (
    FOV_MASK_VERSION,
    crop_to_fov,
    fov_mask,
    frame_problem,
    scale_to_long_side,
    shrink,
)
from srgan_keras.data.photograph import Photograph
from srgan_keras.data.registration import WeakRegistration
from srgan_keras.errors import UsageError
from srgan_keras.files import atomic_write

_SMALL = 512  # px, long side of the image in which several fields of view are sought

log = logging.getLogger(__name__)

Level = tuple[int, int, int]
"""Offset in the file, height, width of a photograph at one working resolution."""


@dataclass(frozen=True)
class Cache:
    """Photographs ready to be cropped.

    Attributes:
        pixels: flat uint8 file of RGB images [H, W, 3], each followed by its FOV mask [H, W], and
            in a paired dataset by its LR.
        ids: one per photograph.
        levels: working resolutions of each photograph, the largest first.
        mean, std: per channel over all pixels of the largest levels, in 0..1, Eq. (7).
        left_out: number of photographs that are smaller than a patch or have no field of view, or
            whose LR cannot be registered.
        scale: HR side over LR side of a paired dataset; None: there is no LR.
    """

    pixels: np.ndarray
    ids: list[str]
    levels: list[list[Level]]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    left_out: int
    scale: int | None = None

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self.levels)

    def view(self, level: Level) -> tuple[np.ndarray, np.ndarray]:
        """Return image uint8 [H, W, 3] and mask uint8 [H, W] (0 or 1) without reading them yet."""
        offset, height, width = level
        area = height * width
        image = self.pixels[offset : offset + 3 * area].reshape(height, width, 3)
        mask = self.pixels[offset + 3 * area : offset + 4 * area].reshape(height, width)
        return image, mask

    def lr(self, level: Level) -> np.ndarray:
        """Return LR of a paired dataset, uint8 [H / scale, W / scale, 3], without reading it."""
        offset, height, width = level
        offset, height, width = (
            offset + 4 * height * width,
            height // self.scale,
            width // self.scale,
        )
        return self.pixels[offset : offset + 3 * height * width].reshape(height, width, 3)


def build(photographs: list[Photograph], data: Data, folder: Path, scale: int = 1) -> Cache:
    """Decode the photographs into `folder`, or reuse the result of an earlier call.

    Args:
        photographs: all with LR, or none.
        data: how they are cropped and scaled.
        folder: of the cache.
        scale: HR side over LR side, for photographs with LR.

    Raises:
        UsageError: every photograph is smaller than a patch, or one cannot be decoded.
    """
    index_file = folder / "index.json"
    pair_scale = scale if any(p.lr_path for p in photographs) else None
    key = _key(photographs, data, pair_scale)
    index = _read(folder, key)
    if index is None:
        folder.mkdir(parents=True, exist_ok=True)
        index_file.unlink(missing_ok=True)
        index = _write(photographs, data, folder / "pixels.bin", pair_scale) | {"key": key}
        with atomic_write(index_file) as partial:  # last: without it, the next call starts over
            partial.write_text(json.dumps(index))
    levels = [[tuple(level) for level in photo] for photo in index["levels"]]
    if not levels:
        raise UsageError(
            f"all {len(photographs)} training photographs are smaller than the patch of "
            f"{data.patch} px, or unfit (see above): lower data.patch or raise data.hr_long_side"
        )
    if index["left_out"]:
        log.warning(
            "%d of %d training photographs are smaller than the patch of %d px, or unfit: skipped",
            index["left_out"],
            len(photographs),
            data.patch,
        )
    pixels = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r")
    statistics = tuple(index["mean"]), tuple(index["std"])
    return Cache(pixels, index["ids"], levels, *statistics, index["left_out"], pair_scale)


def _read(folder: Path, key: str) -> dict | None:
    """Return the index of an earlier call; None where there is none, or a file is damaged."""
    try:
        index = json.loads((folder / "index.json").read_text())
        whole = index["key"] == key and index["bytes"] == (folder / "pixels.bin").stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if whole else None


def _key(photographs: list[Photograph], data: Data, scale: int | None) -> str:
    options = asdict(data) | {"fov_mask": data.fov_mask or FOV_MASK_VERSION}
    options |= {"pair_scale": scale} if scale else {}
    parts = [json.dumps(options, sort_keys=True), *(h for p in photographs for h in p.hashes)]
    parts += [str(p.path) for p in photographs if p.mask_path]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _write(
    photographs: list[Photograph], data: Data, file: Path, scale: int | None
) -> dict[str, Any]:
    levels: list[list[Level]] = []
    ids: list[str] = []
    offset, left_out, count = 0, 0, 0
    total, squares = np.zeros(3), np.zeros(3)
    with file.open("wb") as out:
        for photograph in tqdm(photographs, desc="decoding", unit="photo", disable=None):
            levels.append([])
            for image, mask, *lr in _pyramid(photograph, data, scale):
                if not levels[-1]:
                    values = image.reshape(-1, 3) / 255.0
                    total, squares = total + values.sum(0), squares + (values**2).sum(0)
                    count += len(values)
                levels[-1].append((offset, *mask.shape))
                out.write(image.tobytes())
                out.write(mask.astype(np.uint8).tobytes())
                offset += 4 * mask.size
                for small in lr:
                    out.write(small.tobytes())
                    offset += small.size
            if levels[-1]:
                ids.append(photograph.id)
            else:
                levels.pop()
                left_out += 1
    mean = total / max(count, 1)
    std = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 1e-8))
    return {
        "ids": ids,
        "levels": levels,
        "mean": list(mean),
        "std": list(std),
        "left_out": left_out,
        "bytes": offset,
    }


def _pyramid(
    photograph: Photograph, data: Data, scale: int | None
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the photograph at each working resolution that holds a patch: image, mask, its LR."""
    if scale:
        yield from _pair_pyramid(photograph, data, scale)
        return
    image = photograph.read()
    mask = photograph.mask()
    if mask is None and data.fov_crop:
        problem = frame_problem(shrink(image, _SMALL), data.fov_mask or FOV_MASK_VERSION)
        if problem:
            log.warning("%s is skipped: %s", photograph.id, problem)
            return
    if mask is None:
        mask = fov_mask(image, data.fov_mask or FOV_MASK_VERSION)
    if data.fov_crop:
        image, mask = crop_to_fov(image, mask)
    for long_side in _long_sides(mask, data):
        scaled, scaled_mask = scale_to_long_side(image, mask, long_side)
        if min(scaled_mask.shape) < data.patch:
            return
        yield scaled, scaled_mask


def _pair_pyramid(
    photograph: Photograph, data: Data, scale: int
) -> Iterator[tuple[np.ndarray, ...]]:
    try:
        version = data.fov_mask or FOV_MASK_VERSION
        pair = paired.align(photograph.read_lr(), photograph.read(), scale, version)
    except WeakRegistration as reason:
        log.warning("%s is skipped: %s", photograph.id, reason)
        return
    if data.fov_crop:
        pair = pair.cropped()
    for long_side in _long_sides(pair.mask, data):
        scaled = pair.scaled(long_side)
        if min(scaled.mask.shape) < data.patch:
            return
        yield scaled.hr, scaled.mask, scaled.lr


def _long_sides(mask: np.ndarray, data: Data) -> list[int]:
    """Return the long side of each working resolution, the largest first."""
    largest = min(data.hr_long_side or max(mask.shape), max(mask.shape))
    return [round(largest * data.pyramid_ratio**level) for level in range(data.pyramid_levels)]
