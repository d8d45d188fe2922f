"""The guard: where the model's own answers disagree, the result falls back towards the input.

SR changes the fallback, which is bicubic interpolation, at scale 1 the input itself. Where eight
orientations of the input lead to different changes, the input does not support the change.
docs/trust.md says how the thresholds were set.
"""

import cv2
import numpy as np

from srgan_keras.models.bicubic import bicubic_upsample

LOW, HIGH = 0.5, 0.7
"""Disagreement up to which SR is kept, and from which on the fallback replaces it."""

SIGMA = 8.0
"""LR px, of the Gaussian over which disagreement is taken."""

_END = 24  # LR px, where the Gaussian ends
REACH = _END + 1
"""LR px that the share of a pixel depends on: the interpolation of shares reads one more."""

_FLOOR = 0.1 / 255
"""A change that varies less than this counts as varying so much."""


def guarded(
    images: np.ndarray, sr: np.ndarray, deviation: np.ndarray, scale: int
) -> tuple[np.ndarray, np.ndarray]:
    """Blend SR with the fallback, pixel by pixel.

    The share of the fallback is the smoothstep of `disagreement` between `LOW` and `HIGH`.

    Args:
        images: LR, float32 [N, h, w, 3] in 0..1.
        sr: mean of the self-ensemble, float32 [N, scale * h, scale * w, 3] in 0..1.
        deviation: its standard deviation, root mean square over RGB, [N, scale * h, scale * w].
        scale: SR side over LR side.

    Returns:
        The blend, float32 [N, scale * h, scale * w, 3]; where the share is 1, it is the fallback,
        bit for bit. The share of the fallback in it, float32 [N, scale * h, scale * w] in 0..1.
    """
    fallback = images if scale == 1 else np.clip(bicubic_upsample(images, scale), 0, 1)
    change = sr - fallback
    shares = []
    for pair in zip(change, deviation, strict=True):
        t = np.clip((disagreement(*pair, scale) - LOW) / (HIGH - LOW), 0, 1)
        share = t * t * (3 - 2 * t)
        shares.append(cv2.resize(share, sr.shape[2:0:-1], interpolation=cv2.INTER_LINEAR))
    share = np.stack(shares)
    return fallback + (1 - share)[..., np.newaxis] * change, share


def disagreement(change: np.ndarray, deviation: np.ndarray, scale: int) -> np.ndarray:
    """Return the deviation S of the orientations over that of the change D around a pixel.

    q^2 = G(S^2) / (G(D^2) - G(D)^2), where G is a Gaussian of `SIGMA`. An even change, such as one
    of brightness, does not count.

    Args:
        change: SR - fallback, float32 [H, W, 3].
        deviation: of the self-ensemble, [H, W], in the same unit.
        scale: SR side over LR side.

    Returns:
        q, float32 [H / scale, W / scale].
    """
    mean, squares, doubt = (_local(x, scale) for x in (change, change**2, deviation**2))
    variance = np.maximum(squares - mean**2, 0).mean(axis=-1)  # rounding: it may be below 0
    return np.sqrt(doubt / (variance + _FLOOR**2))


def _local(values: np.ndarray, scale: int) -> np.ndarray:
    """Return the Gaussian mean around each LR pixel: [H, W, ...] -> [H / scale, W / scale, ...]."""
    size = values.shape[1] // scale, values.shape[0] // scale
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    side = 2 * _END + 1
    return cv2.GaussianBlur(small, (side, side), SIGMA, borderType=cv2.BORDER_REFLECT)
