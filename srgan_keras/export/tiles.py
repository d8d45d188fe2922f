"""Images of any size in bounded memory: tiles sliced on the host, each with its halo.

A tile owns a rectangle of LR pixels. The network takes the tile's window: the rectangle and a halo
of the receptive radius, which is all that its SR depends on. So tiled output equals that of the
whole image, and nothing is blended. At the image's border the window ends where the image does:
there the network pads as it does for the whole image.

A network with a fold f (see `receptive_field.fold`) divides an image into squares of f x f px. Each
window starts on a square of the image. From its end, an image that is flipped is divided in the
same way, so that a self-ensemble of tiles also equals that of the whole.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

Network = Callable[[np.ndarray], np.ndarray]
"""float32 [N, h, w, 3] -> float32 [N, scale * h, scale * w, C], any N, h and w of one or more."""


class Box(NamedTuple):
    """A rectangle of pixels: rows top..bottom - 1, columns left..right - 1."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, image: np.ndarray, scale: int = 1) -> np.ndarray:
        """Return a view of these pixels in an image that is `scale` times as large."""
        rows = slice(scale * self.top, scale * self.bottom)
        return image[rows, scale * self.left : scale * self.right]


def upscale_tiles(
    network: Network,
    image: np.ndarray,
    scale: int,
    radius: int,
    tile: int,
    batch: int = 1,
    wanted: np.ndarray | None = None,
    fold: int = 1,
) -> Iterator[tuple[Box, np.ndarray]]:
    """Apply `network` tile by tile.

    All windows of an image have one shape. When the device runs out of memory, tiles of half the
    side do the rest of the image.

    Args:
        network: see `Network`.
        image: float32 [H, W, 3].
        scale: SR side over LR side.
        radius: the network's receptive radius in LR px.
        tile: a tile owns at most tile x tile LR px, but at least the fold; its window is larger by
            2 * radius, and up to 3 * fold.
        batch: tiles that the network takes at once.
        wanted: bool [H, W], optional: tiles where it is False everywhere are skipped.
        fold: the network's, in LR px.

    Yields:
        the LR pixels that a tile owns, and their SR, float32 [scale * rows, scale * columns, C].

    Raises:
        tf.errors.ResourceExhaustedError: one pixel with its halo needs too much memory.
    """
    left = deque(_grid(image.shape[:2], tile, wanted, fold))
    size = _largest(left)
    while left:
        boxes = [left.popleft() for _ in range(min(batch, len(left)))]
        windows = [_window(box, image.shape[:2], size, radius, fold) for box in boxes]
        try:
            answers = network(np.stack([window.of(image) for window in windows]))
        except (tf.errors.ResourceExhaustedError, MemoryError):
            if tile <= fold:
                raise
            tile = math.ceil(tile / 2)
            left = deque(
                part for box in [*boxes, *left] for part in _split(box, tile, wanted, fold)
            )
            size = _largest(left)
            continue
        for box, window, answer in zip(boxes, windows, answers, strict=True):
            top, leftmost = box.top - window.top, box.left - window.left
            inside = Box(top, top + box.bottom - box.top, leftmost, leftmost + box.right - box.left)
            yield box, inside.of(answer, scale)


def tiled(network: Network, scale: int, radius: int, tile: int, fold: int = 1) -> Network:
    """Return a network that computes each image of a batch in tiles: see `upscale_tiles`."""

    def whole(images: np.ndarray) -> np.ndarray:
        count, height, width, _ = images.shape
        sr = np.empty((count, scale * height, scale * width, 3), np.float32)
        for i in range(count):
            for box, part in upscale_tiles(network, images[i], scale, radius, tile, fold=fold):
                box.of(sr[i], scale)[...] = part
        return sr

    return whole


def _grid(shape: tuple[int, int], tile: int, wanted: np.ndarray | None, fold: int) -> Iterator[Box]:
    """Cut the smallest rectangle around the wanted pixels into tiles of nearly equal size."""
    height, width = shape
    box = Box(0, height, 0, width)
    if wanted is not None:
        rows, columns = np.flatnonzero(wanted.any(1)), np.flatnonzero(wanted.any(0))
        if not len(rows):
            return
        box = Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    yield from _split(box, tile, wanted, fold)


def _split(box: Box, tile: int, wanted: np.ndarray | None, fold: int) -> Iterator[Box]:
    for top, bottom in _cuts(box.top, box.bottom, tile, fold):
        for left, right in _cuts(box.left, box.right, tile, fold):
            part = Box(top, bottom, left, right)
            if wanted is None or part.of(wanted).any():
                yield part


def _cuts(start: int, stop: int, tile: int, fold: int) -> list[tuple[int, int]]:
    """Divide an axis into spans of nearly equal length that start at multiples of the fold."""
    first, last = start // fold, math.ceil(stop / fold)
    count = math.ceil((last - first) / max(tile // fold, 1))
    starts = [fold * (first + i * (last - first) // count) for i in range(count)]
    return list(itertools.pairwise([*starts, stop]))


def _largest(boxes: deque[Box]) -> tuple[int, int]:
    """Return rows and columns that hold each of the boxes."""
    rows = max((box.bottom - box.top for box in boxes), default=0)
    return rows, max((box.right - box.left for box in boxes), default=0)


def _window(box: Box, shape: tuple[int, int], size: tuple[int, int], radius: int, fold: int) -> Box:
    """Return a tile's window. All have one shape: at the border it is moved inwards."""
    halo = _up(radius, fold)

    def side(first: int, own: int, length: int) -> tuple[int, int]:
        # with the same remainder as the image, a window moved inwards starts on a square too
        whole = min(_up(own, fold) + 2 * halo + length % fold, length)
        start = min(max(first - halo, 0), length - whole)
        return start, start + whole

    return Box(*side(box.top, size[0], shape[0]), *side(box.left, size[1], shape[1]))


def _up(length: int, fold: int) -> int:
    return math.ceil(length / fold) * fold
