"""How far an SR pixel looks, and the memory that an LR pixel takes: tiles depend on both."""

import math

import keras

from srgan_keras.models.bicubic import BicubicUpsampling
from srgan_keras.models.graph import Node, nodes
from srgan_keras.models.layers import Affine, CropToScale, PixelShuffle, PixelUnshuffle

BICUBIC_REACH = 2
"""Keys' cubic takes the two nearest pixels to either side of a point between pixels."""

POINTWISE = (
    Affine,
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.LeakyReLU,
    keras.layers.Multiply,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
)
"""Layers whose output at a pixel depends on their inputs at that pixel alone."""


def receptive_radius(generator: keras.Model, scale: int) -> int:
    """Return the largest distance, along an axis in LR px, that an SR pixel depends on.

    An SR pixel (y, x) lies in the LR pixel (y // scale, x // scale). It depends on no LR pixel
    further from that one than the radius; the receptive field is 2 * radius + 1 wide. For each
    phase the rows that an SR pixel needs are followed backwards through the layers. A network with
    a `fold` has one phase for each of its SR rows.

    Args:
        generator: a functional model, LR [N, h, w, 3] -> SR [N, scale * h, scale * w, 3].
        scale: SR side over LR side.

    Raises:
        ValueError: a layer of an unknown kind. A layer that looks at the whole image, such as a
            global pooling, has no receptive radius.
    """
    calls, outputs = nodes(generator)
    radius = 0
    for phase in range(scale * fold(generator)):
        own = phase // scale
        needed: dict[int, tuple[int, int]] = {outputs[0]: (phase, phase)}
        for i in reversed(range(len(calls))):
            if i not in needed:
                continue
            if not calls[i].inputs:
                radius = max(radius, own - needed[i][0], needed[i][1] - own)
                continue
            first, last = _needs(calls[i], *needed[i])
            for source in _sources(calls[i]):
                before = needed.get(source, (first, last))
                needed[source] = min(first, before[0]), max(last, before[1])
    return radius


def fold(model: keras.Model) -> int:
    """Return the side in LR px of the squares that a network folds into channels; 1: it does not.

    Two windows of an image give a pixel the same SR if their first rows and columns differ by
    multiples of the fold.
    """
    calls, _ = nodes(model)
    folds = [call.layer.scale for call in calls if isinstance(call.layer, PixelUnshuffle)]
    return max(folds, default=1)


def bytes_per_pixel(model: keras.Model) -> int:
    """Estimate the memory that an LR pixel takes: the peak of the layers' outputs, in float32."""
    calls, outputs = nodes(model)
    last_use = {source: i for i, call in enumerate(calls) for source in call.inputs}
    last_use |= dict.fromkeys(outputs, len(calls))
    sizes: list[float] = []
    sides: list[float] = []  # over LR side
    most = 0.0
    for i, call in enumerate(calls):
        side = max((sides[source] for source in call.inputs), default=1)
        sides.append(side * _upscaling(call.layer))
        sizes.append(4 * call.shape[-1] * sides[i] ** 2)
        most = max(most, sum(sizes[j] for j in range(i + 1) if last_use.get(j, i) >= i))
    return math.ceil(most)


def _sources(node: Node) -> tuple[int, ...]:
    """Return the inputs that a layer takes values from, rather than only the size."""
    return node.inputs[:1] if isinstance(node.layer, CropToScale) else node.inputs


def _needs(node: Node, first: int, last: int) -> tuple[int, int]:
    """Return the rows of its input that a layer needs for its output's rows first..last."""
    layer = node.layer
    if isinstance(layer, (*POINTWISE, CropToScale)):
        return first, last
    if isinstance(layer, PixelUnshuffle):
        return first * layer.scale, (last + 1) * layer.scale - 1
    scale = _upscaling(layer)
    if isinstance(layer, BicubicUpsampling):
        return first // scale - BICUBIC_REACH, last // scale + BICUBIC_REACH
    if scale > 1:
        return first // scale, last // scale
    if isinstance(layer, keras.layers.Conv2D) and layer.strides == (1, 1):
        reach = (max(layer.kernel_size) - 1) * max(layer.dilation_rate)
        if reach == 0 or layer.padding == "same":
            return first - reach // 2, last + reach - reach // 2
    kind = type(layer).__name__
    raise ValueError(f"no receptive field is known for layer {layer.name!r} of kind {kind}")


def _upscaling(layer: keras.layers.Layer) -> float:
    """Return the side of a layer's output over the side of its input."""
    if isinstance(layer, PixelUnshuffle):
        return 1 / layer.scale
    return layer.scale if isinstance(layer, PixelShuffle | BicubicUpsampling) else 1
