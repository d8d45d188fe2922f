"""The patches that a segmenter is trained on, as a function of (seed, step)."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from srgan_keras.data.pairs import coloured, turned
from srgan_keras.downstream.tasks import Case

AUGMENT = ("horizontal_flip", "vertical_flip", "rotation")


class Patches:
    """Batches (image, masks), uint8 [B, P, P, 3] and [B, P, P, C] of 0 or 255.

    Half of the patches hold a pixel of a class drawn, each class as often as the others, so
    that rare lesions are seen. The others lie anywhere in the field of view. All are turned,
    mirrored and varied in brightness and colour, as for super-resolution.

    Args:
        images: uint8 RGB [H, W, 3], one a case.
        cases: their masks.
        side: P; smaller photographs are padded with black.
        batch: B.
        seed: of the run.
    """

    def __init__(
        self, images: Sequence[np.ndarray], cases: Sequence[Case], side: int, batch: int, seed: int
    ) -> None:
        self.cases, self.side, self.batch, self.seed = cases, side, batch, seed
        self._stacks, self._places, self._inside = [], [], []
        for image, case in zip(images, cases, strict=True):
            stack = np.concatenate([image, case.masks * np.uint8(255)], axis=2)
            missing = [(0, max(0, side - length)) for length in stack.shape[:2]]
            self._stacks.append(np.pad(stack, (*missing, (0, 0))))
            places = [np.flatnonzero(case.masks[..., c]) for c in range(case.masks.shape[2])]
            self._places.append([p for p in places if len(p)])
            self._inside.append(np.flatnonzero(case.fov))

    def batches(self, start: int, stop: int) -> tf.data.Dataset:
        """Return the batches of steps start .. stop - 1."""
        side, classes = self.side, self.cases[0].masks.shape[2]

        def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            stack = tf.numpy_function(self._stack, [step], tf.uint8, stateful=False)
            stack = tf.ensure_shape(stack, (self.batch, side, side, 3 + classes))
            return stack[..., :3], stack[..., 3:]

        steps = tf.data.Dataset.range(start, stop)
        return steps.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)

    def part(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a step's batch."""
        return next(iter(self.batches(step, step + 1)))

    def names(self, step: int) -> list[str]:
        """Return the photographs that a step's batch was cut from."""
        return sorted({self.cases[self._draw(step, i)[0]].id for i in range(self.batch)})

    def _draw(self, step: int, i: int) -> tuple[int, np.random.Generator]:
        rng = np.random.default_rng((self.seed, int(step), i))
        return int(rng.integers(len(self.cases))), rng

    def _stack(self, step: np.ndarray) -> np.ndarray:
        return np.stack([self._patch(*self._draw(int(step), i)) for i in range(self.batch)])

    def _patch(self, photograph: int, rng: np.random.Generator) -> np.ndarray:
        stack, classes = self._stacks[photograph], self._places[photograph]
        places = self._inside[photograph]
        if classes and rng.integers(2):
            places = classes[rng.integers(len(classes))]
        at = places[rng.integers(len(places))]
        middle = np.array(divmod(int(at), self.cases[photograph].fov.shape[1]))
        # somewhere in the patch, not always in its middle
        corner = middle - rng.integers(self.side // 4, self.side - self.side // 4, 2)
        top, left = np.clip(corner, 0, np.array(stack.shape[:2]) - self.side)
        patch = turned(stack[top : top + self.side, left : left + self.side], AUGMENT, rng)
        # without it, networks trained on DRIVE fail on the brighter CHASE_DB1
        return np.concatenate([coloured(patch[..., :3], rng), patch[..., 3:]], axis=2)
