"""The tf.data pipeline of LR/HR pairs, Eq. (8): crop, flips, rotation, then the degradation.

A paired dataset has its own LR: crops come from the same place in both, and nothing is degraded.

The pairs of a step are a function of (seed, step) alone. (seed, epoch) gives the order of the
photographs in an epoch; (seed, example) gives crop and augmentation. A run that resumes at step k
sees the same pairs as an uninterrupted one, and no iterator is saved.
"""

from functools import lru_cache

import numpy as np
import tensorflow as tf

from srgan_keras.config import Config, Data
from srgan_keras.data.cache import Cache
from srgan_keras.data.degradations import degrade
from srgan_keras.data.window import Window

TRIES = 10  # draws of a crop with enough of the field of view; then the best one is used


def pairs(
    cache: Cache, config: Config, start: int, stop: int, ranks: range = range(1), replicas: int = 1
) -> tf.data.Dataset:
    """Return the batches of steps start..stop-1.

    Each element is (LR, HR), uint8 RGB, [B, P/s, P/s, 3] and [B, P, P, 3]. B is
    train.batch_size / replicas, P is data.patch, and s is degradation.scale.

    Args:
        cache: training photographs.
        config: of the run.
        start: first step.
        stop: the step after the last one.
        ranks: the replicas that this process feeds; their elements of a step are adjacent.
        replicas: number of replicas that share the batch of a step.
    """
    batch, side = config.train.batch_size // replicas, config.data.patch
    how, seed = config.degradation, config.train.seed
    scale = how.scale

    def crops(index: np.ndarray) -> tuple[np.ndarray, ...]:
        step, local = divmod(int(index), len(ranks))
        first = step * config.train.batch_size + ranks[local] * batch
        examples = np.arange(first, first + batch)
        found = [_crop(cache, config.data, seed, int(e)) for e in examples]
        lr, hr, windows = zip(*found, strict=True)
        if cache.scale:
            return np.stack(lr), np.stack(hr)
        return np.stack(hr), examples, np.array(windows, np.int64)

    def pair(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if cache.scale:
            kinds = (tf.uint8, tf.uint8)
            lr, hr = tf.numpy_function(crops, [index], kinds, stateful=False)
        else:
            kinds = (tf.uint8, tf.int64, tf.int64)
            hr, examples, windows = tf.numpy_function(crops, [index], kinds, stateful=False)
            hr = tf.ensure_shape(hr, (batch, side, side, 3))
            examples = tf.ensure_shape(examples, batch)
            lr = degrade(hr, how.name, scale, seed, examples, how.version, windows, how.clinical)
        small = side // scale
        return tf.ensure_shape(lr, (batch, small, small, 3)), tf.ensure_shape(
            hr, (batch, side, side, 3)
        )

    elements = tf.data.Dataset.range(start * len(ranks), stop * len(ranks))
    return elements.map(pair, num_parallel_calls=2, deterministic=True).prefetch(4)


def shown(cache: Cache, config: Config, step: int) -> list[str]:
    """Return the ids of the photographs of a step's patches, each once."""
    first = step * config.train.batch_size
    examples = range(first, first + config.train.batch_size)
    return sorted({cache.ids[_photograph(cache, config.train.seed, e)] for e in examples})


def hr_patch(cache: Cache, data: Data, seed: int, example: int) -> np.ndarray:
    """Return the augmented HR patch of one example, uint8 [P, P, 3]."""
    return _crop(cache, data, seed, example)[1]


def _crop(
    cache: Cache, data: Data, seed: int, example: int
) -> tuple[np.ndarray | None, np.ndarray, Window]:
    """Return one example: LR of a paired dataset, the augmented HR patch, and its place."""
    levels = cache.levels[_photograph(cache, seed, example)]
    rng = np.random.default_rng((seed, example))
    level = levels[rng.integers(len(levels))]
    image, mask = cache.view(level)
    scale = cache.scale or 1
    top, left = (side // scale * scale for side in _corner(mask, data, rng))
    turn = _turn(data.augment, rng)
    factors = _colour(rng) if "colour" in data.augment else None

    def augmented(image: np.ndarray, scale: int) -> np.ndarray:
        rows, columns = (slice(a // scale, (a + data.patch) // scale) for a in (top, left))
        patch = _apply(image[rows, columns], *turn)
        return patch if factors is None else _multiplied(patch, factors)

    lr = augmented(cache.lr(level), scale) if cache.scale else None
    return lr, augmented(image, 1), Window(*mask.shape, top, left, *turn)


def coloured(patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Multiply uint8 RGB [P, P, 3] by a brightness of 0.6 to 1.3 and channel gains of 0.8 to 1.25.

    It rounds halves to even, unlike `rounding.to_uint8`: the pretrained models learned so.
    """
    return _multiplied(patch, _colour(rng))


def _colour(rng: np.random.Generator) -> np.ndarray:
    brightness, gains = rng.uniform(np.log(0.6), np.log(1.3)), rng.uniform(-1, 1, 3)
    return np.exp(brightness + np.log(1.25) * gains).astype(np.float32)


def _multiplied(patch: np.ndarray, factors: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(patch * factors), 0, 255).astype(np.uint8)


def turned(patch: np.ndarray, augment: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """Flip and rotate an array [P, P, C] by the names in `data.augment`."""
    return _apply(patch, *_turn(augment, rng))


def _turn(augment: tuple[str, ...], rng: np.random.Generator) -> tuple[int, int, int]:
    """Draw whether to flip along x and along y, and the number of quarter turns."""
    # all numbers are drawn, used or not, so that an option changes nothing else
    draws = int(rng.integers(2)), int(rng.integers(2)), int(rng.integers(4))
    names = "horizontal_flip", "vertical_flip", "rotation"
    return tuple(draw * (name in augment) for draw, name in zip(draws, names, strict=True))


def _apply(patch: np.ndarray, flip_x: int, flip_y: int, turns: int) -> np.ndarray:
    patch = patch[:, ::-1] if flip_x else patch
    patch = patch[::-1] if flip_y else patch
    return np.rot90(patch, turns)


def _photograph(cache: Cache, seed: int, example: int) -> int:
    epoch, position = divmod(example, len(cache))
    return int(_order(seed, epoch, len(cache))[position])


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch, count)).permutation(count)


def _corner(mask: np.ndarray, data: Data, rng: np.random.Generator) -> tuple[int, int]:
    """Draw the upper left corner of a crop that shows enough of the field of view.

    In a share of `data.rim_share`, the crop also shows some of the surround, if a try finds one.
    """
    side, found = data.patch, []
    height, width = mask.shape
    corners = rng.integers((height - side + 1, width - side + 1), size=(TRIES, 2))
    edge = rng.random() < data.rim_share
    for top, left in corners.tolist():
        share = mask[top : top + side, left : left + side].mean()
        if data.min_fov <= share and (share < 1 or not edge):
            return top, left
        found.append((share, (top, left)))
    # of equal shares the first: the larger corner would be drawn more often
    return max(found, key=lambda one: one[0])[1]
