"""The paper's generator in PyTorch with a Keras model's weights, as a careful user runs it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch_step
from torch import nn

Weights = tuple[str, float | None, Sequence[np.ndarray]]
"""A Keras layer's name, the epsilon of its batch normalisation, and its weights."""
Affine = tuple[Sequence[float], Sequence[float]]
"""Scale and offset by channel."""


def network(
    layers: Sequence[Weights], before: Affine, after: Affine, kind: str
) -> Callable[[np.ndarray], np.ndarray]:
    """Return float32 [N, h, w, 3] in 0..1 -> [N, 4h, 4w, 3] clipped, inside in type `kind`.

    Args:
        layers: of the generator, in order.
        before: what the network applies to its input.
        after: and to its output.
        kind: `float32` or `bfloat16`.
    """
    twin = torch_step.Generator()
    parts = [m for m in twin.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    for layer, part in zip(layers, parts, strict=True):
        copy(*layer, part)
    twin = twin.eval().to(memory_format=torch.channels_last, dtype=getattr(torch, kind))

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = torch.from_numpy(affine(before, images)).permute(0, 3, 1, 2)  # channels_last
            y = twin(x.to(getattr(torch, kind))).float().permute(0, 2, 3, 1).numpy()
        return affine(after, y).clip(0, 1)

    return run


def affine(factors: Affine, x: np.ndarray) -> np.ndarray:
    """Compute what Keras's layer `Affine` computes."""
    scale, offset = (np.float32(values) for values in factors)
    return x * scale + offset


def copy(name: str, epsilon: float | None, weights: Sequence[np.ndarray], part: nn.Module) -> None:
    """Copy weights; PyTorch's PixelShuffle has colour before phase."""
    weights = [torch.from_numpy(np.array(w)) for w in weights]
    with torch.no_grad():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = epsilon
            targets = (part.weight, part.bias, part.running_mean, part.running_var)
            for target, weight in zip(targets, weights, strict=True):
                target.copy_(weight)
            return
        if name.startswith("up"):
            weights = [w.unflatten(-1, (4, -1)).transpose(-1, -2).flatten(-2) for w in weights]
        part.weight.copy_(weights[0].permute(3, 2, 0, 1))
        if part.bias is not None:
            part.bias.copy_(weights[1])
