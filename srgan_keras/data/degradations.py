"""Operators that make an LR photograph from an HR one, each with a name and a version.

Each computes in float; `degrade` rounds once, at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from srgan_keras.config import Clinical
from srgan_keras.data import clinical as faults
from srgan_keras.data import clinical2
from srgan_keras.data.window import Window
from srgan_keras.errors import UsageError
from srgan_keras.models.bicubic import bicubic_downsample

PAIRED = "paired"
"""In the place of a degradation's name: a paired dataset has LR of its own."""
PAIRED_VERSION = 1
"""Changes when `srgan_keras.data.paired` aligns pairs in another way."""

GAUSSIAN_SIGMA = 0.4  # LR px: 1.6 HR px at x4


@dataclass(frozen=True)
class Operator:
    """A degradation.

    Attributes:
        version: changes when the results of `function` change.
        function: (HR float32 [N, H, W, 3] in 0..255, scale) -> LR float32 [N, H/scale, W/scale, 3]
            before rounding. A random one takes (HR, scale, seed, index). One with settings takes
            (HR, scale, seed, index, windows, settings).
        random: whether it draws random numbers, which depend on (seed, index) alone.
        settings: whether it takes `config.Clinical` and the windows of crops.
    """

    version: int
    function: Callable[..., tf.Tensor]
    random: bool = False
    settings: bool = False


def cv2_linear(hr: tf.Tensor, scale: int) -> tf.Tensor:
    """Reduce bilinearly without antialiasing, as cv2.resize does by default."""
    size = tf.shape(hr)[1:3] // scale
    return tf.image.resize(hr, size, method="bilinear", antialias=False)


def area(hr: tf.Tensor, scale: int) -> tf.Tensor:
    """Reduce by the mean of scale x scale blocks, as cv2's INTER_AREA and a coarser sensor do."""
    return tf.nn.avg_pool2d(hr, scale, scale, "VALID")


def gaussian(hr: tf.Tensor, scale: int) -> tf.Tensor:
    """Blur with a Gaussian of 0.4 LR px, then sample the middle of each block."""
    taps = (np.arange(3 * scale) - (3 * scale - 1) / 2) / (GAUSSIAN_SIGMA * scale)
    line = np.exp(-(taps**2) / 2)
    line /= line.sum()
    kernel = np.einsum("i,j,cd->ijcd", line, line, np.eye(3)).astype(np.float32)
    hr = tf.pad(hr, [[0, 0], [scale, scale], [scale, scale], [0, 0]], "SYMMETRIC")
    return tf.nn.conv2d(hr, kernel, scale, "VALID")


def clinical(hr: tf.Tensor, scale: int, seed: int, index: tf.Tensor) -> tf.Tensor:
    """Reduce bicubically, then add the faults of `srgan_keras.data.clinical`."""

    def spoil(lr: np.ndarray, index: np.ndarray) -> np.ndarray:
        pairs = zip(lr, index, strict=True)
        return np.stack([faults.clinical(image, seed, int(i)) for image, i in pairs])

    lr = bicubic_downsample(hr, scale)
    return tf.ensure_shape(tf.numpy_function(spoil, [lr, index], tf.float32), lr.shape)


def clinical_2(
    hr: tf.Tensor,
    scale: int,
    seed: int,
    index: tf.Tensor,
    windows: tf.Tensor | None,
    settings: Clinical,
) -> tf.Tensor:
    """Spoil and reduce as `srgan_keras.data.clinical2` does."""

    def spoil(hr: np.ndarray, index: np.ndarray, windows: np.ndarray) -> np.ndarray:
        make = partial(clinical2.degrade, settings=settings, scale=scale, seed=seed)
        images = zip(hr, index, windows, strict=True)
        return np.stack([make(h, index=int(i), window=Window(*w.tolist())) for h, i, w in images])

    if windows is None:
        whole = tf.concat([tf.shape(hr, tf.int64)[1:3], tf.zeros(5, tf.int64)], 0)
        windows = tf.tile(whole[None], [tf.shape(hr)[0], 1])
    lr = tf.numpy_function(spoil, [hr, index, windows], tf.float32, stateful=False)
    n, height, width, _ = hr.shape
    return tf.ensure_shape(lr, (n, height and height // scale, width and width // scale, 3))


DEGRADATIONS = {
    "bicubic": Operator(version=1, function=bicubic_downsample),
    "cv2_linear": Operator(version=1, function=cv2_linear),
    "area": Operator(version=1, function=area),
    "gaussian": Operator(version=1, function=gaussian),
    "clinical": Operator(version=2, function=clinical_2, random=True, settings=True),
}
"""The newest version of each."""

OLDER = {("clinical", 1): Operator(version=1, function=clinical, random=True)}


def operator(name: str, version: int | None = None) -> Operator:
    """Return a degradation, the newest version unless another is named.

    Raises:
        UsageError: the name or the version is unknown.
    """
    if name == PAIRED:
        raise UsageError("degradation paired needs a dataset with lr/ and hr/: choose another")
    if name not in DEGRADATIONS:
        raise UsageError(f"no degradation {name!r}: choose one of {', '.join(DEGRADATIONS)}")
    newest = DEGRADATIONS[name]
    if version in (None, newest.version):
        return newest
    if (name, version) not in OLDER:
        known = [v for n, v in OLDER if n == name] + [newest.version]
        versions = " or ".join(map(str, known))
        raise UsageError(f"degradation {name} has no version {version}: choose {versions}")
    return OLDER[name, version]


def degrade(
    hr: tf.Tensor,
    name: str,
    scale: int,
    seed: int = 0,
    index: tf.Tensor | None = None,
    version: int | None = None,
    windows: tf.Tensor | None = None,
    settings: Clinical | None = None,
) -> tf.Tensor:
    """Make LR photographs, rounded half up to 8 bit.

    Args:
        hr: uint8 [N, H, W, 3], H and W multiples of `scale`.
        name: a key of DEGRADATIONS.
        scale: HR side over LR side.
        seed: of the random numbers, 0 or more.
        index: int64 [N], each photograph's own number, 0 or more; None numbers them from 0.
        version: of the degradation; None: the newest.
        windows: int64 [N, 7], a `Window` for each crop; None: each image is a whole frame.
        settings: of `clinical`, version 2; None: the defaults.

    Returns:
        uint8 [N, H / scale, W / scale, 3].

    Raises:
        UsageError: no degradation has that name and version.
    """
    chosen, draw = operator(name, version), ()
    if chosen.random:
        draw = seed, tf.range(tf.shape(hr, tf.int64)[0]) if index is None else index
    if chosen.settings:
        draw += windows, settings or Clinical()
    lr = chosen.function(tf.cast(hr, tf.float32), scale, *draw)
    # half up, as rounding.to_uint8; tf.round would round halves to even
    return tf.cast(tf.clip_by_value(tf.floor(lr + 0.5), 0, 255), tf.uint8)
