"""How far, in LR pixels, an SR pixel looks: what tiles must overlap by to equal the whole."""

import keras

from srgan_keras.models.bicubic import BicubicUpsampling
from srgan_keras.models.graph import Node, nodes
from srgan_keras.models.layers import Affine, PixelShuffle

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
    """Return the largest distance, along an axis in LR px, from which an SR pixel takes anything.

    An SR pixel (y, x) lies in the LR pixel (y // scale, x // scale) and depends on no LR pixel
    further from that one than the radius; the receptive field is 2 * radius + 1 wide. Found by
    following the rows that an SR pixel needs backwards through the layers, for each phase.

    Args:
        generator: a functional model, LR [N, h, w, 3] -> SR [N, scale * h, scale * w, 3].
        scale: SR side over LR side.

    Raises:
        ValueError: a layer of a kind that is not known here (one that looks at the whole image,
            such as a global pooling, has no receptive radius).
    """
    calls, outputs = nodes(generator)
    radius = 0
    for phase in range(scale):
        needed: dict[int, tuple[int, int]] = {outputs[0]: (phase, phase)}
        for i in reversed(range(len(calls))):
            if i not in needed:
                continue
            if not calls[i].inputs:
                radius = max(radius, -needed[i][0], needed[i][1])
                continue
            first, last = _needs(calls[i], *needed[i])
            for source in calls[i].inputs:
                before = needed.get(source, (first, last))
                needed[source] = min(first, before[0]), max(last, before[1])
    return radius


def _needs(node: Node, first: int, last: int) -> tuple[int, int]:
    """Return the rows of its input that a layer needs for its output's rows first..last."""
    layer = node.layer
    if isinstance(layer, POINTWISE):
        return first, last
    if isinstance(layer, PixelShuffle):
        return first // layer.scale, last // layer.scale
    if isinstance(layer, BicubicUpsampling):
        return first // layer.scale - BICUBIC_REACH, last // layer.scale + BICUBIC_REACH
    convolution = isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
    if convolution and layer.strides == (1, 1) and layer.padding == "same":
        reach = (max(layer.kernel_size) - 1) * max(layer.dilation_rate)
        return first - reach // 2, last + reach - reach // 2
    kind = type(layer).__name__
    raise ValueError(f"no receptive field is known for layer {layer.name!r} of kind {kind}")
