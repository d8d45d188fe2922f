"""What tiles need to know of a network: how far an SR pixel looks, what an LR pixel costs."""

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


def bytes_per_pixel(model: keras.Model) -> int:
    """Estimate the memory that an LR pixel takes: the most that layers' outputs need at one time.

    Args:
        model: functional, computing in float32, its layers of the kinds named above.
    """
    calls, outputs = nodes(model)
    last_use = {source: i for i, call in enumerate(calls) for source in call.inputs}
    last_use |= dict.fromkeys(outputs, len(calls))
    sizes: list[int] = []
    enlarged: list[int] = []  # side over LR side
    most = 0
    for i, call in enumerate(calls):
        side = max((enlarged[source] for source in call.inputs), default=1)
        enlarged.append(side * _enlargement(call.layer))
        sizes.append(4 * call.shape[-1] * enlarged[i] ** 2)
        most = max(most, sum(sizes[j] for j in range(i + 1) if last_use.get(j, i) >= i))
    return most


def _needs(node: Node, first: int, last: int) -> tuple[int, int]:
    """Return the rows of its input that a layer needs for its output's rows first..last."""
    layer = node.layer
    if isinstance(layer, POINTWISE):
        return first, last
    scale = _enlargement(layer)
    if isinstance(layer, BicubicUpsampling):
        return first // scale - BICUBIC_REACH, last // scale + BICUBIC_REACH
    if scale > 1:
        return first // scale, last // scale
    window = _window(layer)
    if window and layer.strides == (1, 1) and (window == 1 or layer.padding == "same"):
        reach = window - 1
        return first - reach // 2, last + reach - reach // 2
    kind = type(layer).__name__
    raise ValueError(f"no receptive field is known for layer {layer.name!r} of kind {kind}")


def _enlargement(layer: keras.layers.Layer) -> int:
    """Return a layer's output side over its input side, 1 where it is not known to enlarge."""
    if isinstance(layer, PixelShuffle | BicubicUpsampling):
        return layer.scale
    if isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "nearest":
        return max(layer.size)
    return 1


def _window(layer: keras.layers.Layer) -> int:
    """Return the side of the square that a pixel of the output looks at, 0 where not known."""
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        return (max(layer.kernel_size) - 1) * max(layer.dilation_rate) + 1
    if isinstance(layer, keras.layers.AveragePooling2D):
        return max(layer.pool_size)
    return 0
