"""The paper's generator in PyTorch with a Keras model's weights, as a careful user runs it."""

from collections.abc import Callable

import keras
import numpy as np
import torch
import torch_step
from torch import nn


def network(model: keras.Model, kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return float32 [N, h, w, 3] in 0..1 -> [N, 4h, 4w, 3] clipped, inside in type `kind`."""
    twin = torch_step.Generator()
    layers = [layer for layer in model.layers if layer.weights]
    parts = [m for m in twin.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    for layer, part in zip(layers, parts, strict=True):
        copy(layer, part)
    twin = twin.eval().to(memory_format=torch.channels_last, dtype=getattr(torch, kind))
    before, after = model.get_layer("standardise"), model.get_layer("unstandardise")

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = torch.from_numpy(affine(before, images)).permute(0, 3, 1, 2)  # channels_last
            y = twin(x.to(getattr(torch, kind))).float().permute(0, 2, 3, 1).numpy()
        return affine(after, y).clip(0, 1)

    return run


def affine(layer: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    """Compute what the `Affine` layer computes."""
    return x * np.float32(layer.scale) + np.float32(layer.offset)


def copy(layer: keras.layers.Layer, part: nn.Module) -> None:
    """Copy weights; PyTorch's PixelShuffle has colour before phase."""
    weights = [torch.from_numpy(np.array(w)) for w in layer.get_weights()]
    with torch.no_grad():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = layer.epsilon
            targets = (part.weight, part.bias, part.running_mean, part.running_var)
            for target, weight in zip(targets, weights, strict=True):
                target.copy_(weight)
            return
        if layer.name.startswith("up"):
            weights = [w.unflatten(-1, (4, -1)).transpose(-1, -2).flatten(-2) for w in weights]
        part.weight.copy_(weights[0].permute(3, 2, 0, 1))
        if part.bias is not None:
            part.bias.copy_(weights[1])
