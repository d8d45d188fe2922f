"""From LR pixels to SR pixels: networks are combined, applied in tiles, and rounded."""

import math
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from srgan_keras.data.degradations import DEGRADATIONS
from srgan_keras.data.fov import fov_mask
from srgan_keras.data.surround import has_two_retinas
from srgan_keras.errors import UsageError
from srgan_keras.export.tiles import Network, upscale_tiles
from srgan_keras.inference import guard
from srgan_keras.inference.ensemble import self_ensemble
from srgan_keras.models.bicubic import bicubic_upsample

MEMORY = 2**29
"""Bytes for feature maps at LR size, unless a tile size is given."""

DARK = 32
"""Grey level: a frame shows a field of view when 99 % outside its mask is no brighter."""

UNCERTAINTY, FALLBACK = "uncertainty", "fallback"
"""Names of maps: see `Upscaler.maps`."""

_BICUBIC_TILE = 512


class Upscaler(NamedTuple):
    """A network, and the sizes that tiles depend on.

    Attributes:
        network: float32 [N, h, w, 3] in 0..1 -> float32 [N, sh, sw, C] in 0..1, any N, h and w.
            The first three of the C channels are RGB, the others `maps`.
        scale: SR side over LR side.
        radius: its receptive radius in LR px.
        bytes_per_pixel: memory for an LR pixel.
        fold: windows of an image start at multiples of it, in LR px: see `receptive_field.fold`.
        maps: what the network returns beside SR, by name. `uncertainty` is the standard deviation
            over a self-ensemble, root mean square over RGB; `fallback` is the share of the fallback
            in SR, see `guard.guarded`.
        preferred: side of a tile in LR px and tiles per batch that were measured to be fast; None:
            not measured.
    """

    network: Network
    scale: int
    radius: int
    bytes_per_pixel: int
    fold: int = 1
    maps: tuple[str, ...] = ()
    preferred: tuple[int, int] | None = None

    def tile(self, memory: int) -> int:
        """Return the side of the largest tile whose feature maps fit into `memory` bytes."""
        return max(int((memory / self.bytes_per_pixel) ** 0.5) - 2 * self.radius, 1)


def blended(first: Upscaler, second: Upscaler, share: float) -> Upscaler:
    """Return (1 - share) * first + share * second.

    Raises:
        UsageError: their scales differ.
    """
    if first.scale != second.scale:
        raise UsageError(
            f"models of x{first.scale} and x{second.scale} cannot be blended: choose one scale"
        )

    def network(images: np.ndarray) -> np.ndarray:
        return (1 - share) * first.network(images) + share * second.network(images)

    worst = max(first.bytes_per_pixel, second.bytes_per_pixel)
    radius, fold = max(first.radius, second.radius), math.lcm(first.fold, second.fold)
    return Upscaler(network, first.scale, radius, worst, fold)


def back_projected(upscaler: Upscaler, degradation: str, times: int) -> Upscaler:
    """Move SR closer to LR under the degradation: SR + up(LR - down(SR)), `times` times.

    Raises:
        UsageError: the degradation is drawn at random, such as `clinical`, or unknown. The scale is
            1.
    """
    operator = DEGRADATIONS.get(degradation)
    if operator is None or operator.random:
        fixed = ", ".join(name for name, each in DEGRADATIONS.items() if not each.random)
        raise UsageError(
            f"back_project needs a model of a fixed degradation ({fixed}), not of {degradation}: "
            "leave it at 0"
        )
    scale, down = upscaler.scale, operator.function
    if scale == 1:
        raise UsageError("back-projection at scale 1 returns the input: set back_project to 0")

    def network(images: np.ndarray) -> np.ndarray:
        sr = tf.constant(upscaler.network(images))
        for _ in range(times):
            sr += bicubic_upsample(images - down(sr, scale), scale)
        return np.clip(sr, 0, 1)

    # down reads two LR px to either side, up two more
    radius = upscaler.radius + 4 * times
    return upscaler._replace(network=network, radius=radius)


def ensembled(upscaler: Upscaler, deviation: bool = False) -> Upscaler:
    """Return the mean of the 8-fold self-ensemble; with `deviation` also the map `uncertainty`."""

    def network(images: np.ndarray) -> np.ndarray:
        mean, spread = self_ensemble(upscaler.network, images)
        if not deviation:
            return mean
        rms = np.sqrt(np.mean(spread**2, axis=-1, keepdims=True))
        return np.concatenate([mean, rms], axis=-1)

    # a turned window is folded from its other end, which may cut off a part of a square
    radius = upscaler.radius + upscaler.fold - 1
    return upscaler._replace(network=network, radius=radius, maps=(UNCERTAINTY,) * deviation)


def guarded(upscaler: Upscaler) -> Upscaler:
    """Return the 8-fold self-ensemble that falls back towards the input where it disagrees.

    See `guard.guarded`. The maps are `uncertainty` and `fallback`.
    """
    both = ensembled(upscaler, deviation=True)

    def network(images: np.ndarray) -> np.ndarray:
        found = both.network(images)
        sr, share = guard.guarded(images, found[..., :3], found[..., 3], both.scale)
        return np.concatenate([sr, found[..., 3:], share[..., np.newaxis]], axis=-1)

    radius = both.radius + guard.REACH
    return both._replace(network=network, radius=radius, maps=(UNCERTAINTY, FALLBACK))


def upscale(
    upscaler: Upscaler,
    image: np.ndarray,
    tile: int | None = None,
    batch: int = 1,
    wanted: np.ndarray | None = None,
    rounded: bool = True,
    progress: Callable[[float], object] = lambda share: None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Upscale one image of any size in bounded memory; at scale 1, restore it.

    Args:
        upscaler: see `Upscaler`.
        image: uint8 or uint16 RGB [H, W, 3].
        tile: side in LR px that a tile owns. None: the largest that fits into `MEMORY`.
        batch: tiles computed at once.
        wanted: bool [H, W]. Where it is False, SR is bicubic interpolation, at scale 1 the image
            itself. None: True everywhere.
        rounded: round to the image's type; otherwise SR is float32 in 0..1.
        progress: called with the share of the image's pixels each time a tile is done.

    Returns:
        SR [sH, sW, 3], and the maps by name, float32 [sH, sW] in 0..1; 0 where `wanted` is False.

    Raises:
        UsageError: `image` has no pixels.
    """
    height, width = image.shape[:2]
    if not height * width:
        raise UsageError(f"an image of {width} x {height} px has nothing to upscale")
    scale, top = upscaler.scale, np.iinfo(image.dtype).max
    floats = np.divide(image, np.float32(top), dtype=np.float32)
    sr = np.empty((scale * height, scale * width, 3), image.dtype if rounded else np.float32)
    maps = {name: np.zeros(sr.shape[:2], np.float32) for name in upscaler.maps}
    tile = tile or upscaler.tile(MEMORY // batch)
    passes = [(upscaler.network, upscaler.radius, tile, batch, wanted, upscaler.fold)]
    if wanted is not None:
        passes.append((lambda x: _bicubic(x, scale), 2, _BICUBIC_TILE, 1, ~wanted, 1))
    for network, radius, side, count, mask, fold in passes:
        tiles = upscale_tiles(network, floats, scale, radius, side, count, mask, fold)
        for box, part in tiles:
            inside = None if mask is None else _at_sr(box.of(mask), scale)
            levels = _levels(part[..., :3], sr.dtype)
            _store(levels, box.of(sr, scale), inside)
            if mask is wanted:
                for i, values in enumerate(maps.values(), start=3):
                    _store(np.ascontiguousarray(part[..., i]), box.of(values, scale), inside)
                progress((box.bottom - box.top) * (box.right - box.left) / (height * width))
    return sr, maps


def field_of_view(image: np.ndarray, radius: int) -> np.ndarray | None:
    """Return the LR pixels whose SR depends on the field of view.

    Args:
        image: uint8 or uint16 RGB [H, W, 3].
        radius: the network's receptive radius in LR px.

    Returns:
        bool [H, W], the mask of `fov_mask` dilated by the radius; None where the image shows no
        field of view or a second one, so that every pixel counts.
    """
    levels = image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
    try:
        mask = fov_mask(levels)
    except UsageError:  # a strip, too thin for a photograph
        return None
    if has_two_retinas(levels):
        return None
    outside = levels[~mask]
    if not mask.any() or not len(outside) or np.percentile(outside.max(axis=1), 99) > DARK:
        return None
    side = 2 * radius + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def bicubic(image: np.ndarray, scale: int) -> np.ndarray:
    """Upscale one image, uint8 or uint16 [H, W, 3], by bicubic interpolation in tiles.

    At scale 1 the result equals the image.
    """
    nowhere = np.zeros(image.shape[:2], bool)
    return upscale(Upscaler(_bicubic, scale, 0, 1), image, 1, wanted=nowhere)[0]


def _bicubic(images: np.ndarray, scale: int) -> np.ndarray:
    return np.clip(bicubic_upsample(images, scale), 0, 1)


def _levels(part: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Map float32 [h, w, 3] in 0..1 to the values of a type, rounded if it has whole ones."""
    if dtype == np.uint8:
        return cv2.convertScaleAbs(part, alpha=255)  # as below, five times as fast
    if dtype == np.uint16:
        return np.rint(part * np.float32(65535)).astype(dtype)
    return np.ascontiguousarray(part)


def _store(values: np.ndarray, target: np.ndarray, inside: np.ndarray | None) -> None:
    """Write values into a part of an image; `inside`, uint8, is 0 where that stays as it is."""
    if inside is None:
        target[...] = values
    else:
        cv2.copyTo(values, inside, target)


def _at_sr(mask: np.ndarray, scale: int) -> np.ndarray:
    """Return a mask at SR size, uint8, 0 or 1."""
    mask = mask.astype(np.uint8)
    return cv2.resize(mask, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
