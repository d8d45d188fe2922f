"""The 8-fold self-ensemble (Timofte et al. 2016): the mean over flips and rotations, its spread."""

from collections.abc import Callable

import numpy as np

Network = Callable[[np.ndarray], np.ndarray]


def self_ensemble(network: Network, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Apply `network` to the eight orientations of the images, and turn its outputs back.

    Args:
        network: float32 [N, h, w, C] -> float32 [N, scale * h, scale * w, C], any h and w.
        images: float32 [N, H, W, C].

    Returns:
        mean and standard deviation over the eight outputs (divided by 8, not by 7), both float32
        [N, scale * H, scale * W, C] in the output's unit.
    """
    mean = squares = None
    for i in range(8):  # Welford's update: no eight outputs at once, no difference of large sums
        turned = np.rot90(images[:, :, ::-1] if i >= 4 else images, i % 4, axes=(1, 2))
        output = np.rot90(network(np.ascontiguousarray(turned)), -(i % 4), axes=(1, 2))
        output = output[:, :, ::-1] if i >= 4 else output
        if mean is None:
            mean, squares = np.array(output), np.zeros_like(output)
            continue
        change = output - mean
        mean += change / (i + 1)
        squares += change * (output - mean)
    return mean, np.sqrt(squares / 8)
