"""The guard: where the model's own answers disagree, the result falls back towards the input.

SR changes the fallback, which is bicubic interpolation, at scale 1 the input itself. Where eight
orientations of the input lead to different changes, the input does not support the change.
docs/trust.md says how the thresholds were set.
"""

import cv2
import numpy as np

from srgan_keras.models.bicubic import bicubic_upsample

LOW, HIGH = 0.15, 0.4
"""Disagreement up to which SR is kept, and from which on the fallback replaces it."""

SIGMA = 4.0
"""LR px, of the Gaussian over which disagreement is a mean."""

REACH = 13
"""LR px: the Gaussian ends at 12, and the interpolation of the share reads one more."""

_FLOOR = 0.25 / 255
"""A smaller change cannot be seen, and counts as this much."""


def guarded(
    images: np.ndarray, sr: np.ndarray, deviation: np.ndarray, scale: int
) -> tuple[np.ndarray, np.ndarray]:
    """Blend SR with the fallback, pixel by pixel.

    With D = SR - fallback, and the deviation S of the eight orientations, disagreement is
    q = sqrt(G(S^2) / G(D^2)), where G is a Gaussian of `SIGMA` at LR size. The share of the
    fallback is the smoothstep of q between `LOW` and `HIGH`.

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
    share = np.stack(
        [_share(*pair, scale) for pair in zip(np.mean(change**2, -1), deviation**2, strict=True)]
    )
    return fallback + (1 - share[..., np.newaxis]) * change, share


def _share(change: np.ndarray, deviation: np.ndarray, scale: int) -> np.ndarray:
    """Return the share of the fallback, from the squares of both."""
    size = change.shape[1] // scale, change.shape[0] // scale
    smooth = [
        _smooth(cv2.resize(x, size, interpolation=cv2.INTER_AREA)) for x in (change, deviation)
    ]
    q = np.sqrt(smooth[1] / (smooth[0] + _FLOOR**2))
    t = np.clip((q - LOW) / (HIGH - LOW), 0, 1)
    share = t * t * (3 - 2 * t)
    return cv2.resize(share, change.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _smooth(squares: np.ndarray) -> np.ndarray:
    side = 2 * (REACH - 1) + 1
    return cv2.GaussianBlur(squares, (side, side), SIGMA, borderType=cv2.BORDER_REFLECT)
