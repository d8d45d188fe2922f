"""A generator rewritten for inference: the same function in fewer and cheaper steps.

1. Batch normalisation after a convolution becomes part of it.
2. The last convolution moves before the PixelShuffle that feeds it. It becomes a convolution at the
   smaller size, whose kernel has the taps of each phase at their places. The feature maps at SR
   size, the largest of all, are never made.
3. The network is cut where the residual blocks end. From there on an LR pixel takes many times the
   memory. It looks only a little further, so that tiles of this part cost little.
"""

import keras
import numpy as np

from srgan_keras.models.graph import Node, nodes
from srgan_keras.models.layers import PixelShuffle
from srgan_keras.models.receptive_field import POINTWISE
from srgan_keras.process import dtype_policy

CUT = "body_add"
"""The generator's layer that ends the residual blocks."""

IMAGE_CHANNELS = 4
"""A convolution to more channels is cheaper after the shuffle, where it has fewer taps."""


@dtype_policy("float32")  # not that of a training which exports the generator
def serving_form(generator: keras.Model) -> tuple[keras.Model, keras.Model | None]:
    """Rewrite a functional generator; unchanged layers are shared with it.

    Args:
        generator: LR [N, h, w, 3] -> SR [N, sh, sw, 3].

    Returns:
        body and tail, SR = tail(body(LR)). The tail is None where the network cannot be cut.
    """
    calls, (output,) = nodes(generator)
    steps = [[call.layer] for call in calls]  # applied in sequence; none: passed on
    users = [[j for j, call in enumerate(calls) if i in call.inputs] for i in range(len(calls))]
    for i, call in enumerate(calls):
        chain = _chain_before(calls, users, i)
        kinds = [type(calls[j].layer) for j in chain]
        if isinstance(call.layer, keras.layers.BatchNormalization) and kinds[-1:] == [CONVOLUTION]:
            steps[chain[-1]] = [_fold(calls[chain[-1]].layer, call.layer)]
            steps[i] = []
        elif isinstance(call.layer, CONVOLUTION) and call.layer.filters <= IMAGE_CHANNELS:
            shuffle = _shuffle_before(calls, chain)
            if shuffle is not None:
                scale = calls[shuffle].layer.scale
                steps[shuffle] = []
                name = f"{call.layer.name}_shuffle"
                steps[i] = [_before_shuffle(call.layer, scale), PixelShuffle(scale, name=name)]
    return _build(calls, steps, output)


def inference_model(generator: keras.Model, tile: int = 0) -> keras.Model:
    """Return the serving form as one functional model, its output clipped to 0..1.

    Args:
        generator: LR [N, h, w, 3] -> SR [N, sh, sw, 3].
        tile: a side fixes the input to [1, tile, tile, 3]; 0: any size.
    """
    body, tail = serving_form(generator)
    images = keras.Input((tile or None,) * 2 + (3,), 1 if tile else None, name="images")
    sr = body(images) if tail is None else tail(body(images))
    return keras.Model(images, keras.ops.clip(sr, 0.0, 1.0))


CONVOLUTION = keras.layers.Conv2D


def _chain_before(calls: list[Node], users: list[list[int]], i: int) -> list[int]:
    """Return the calls, each with one input and one user, that lead to call i."""
    chain: list[int] = []
    while len(calls[i].inputs) == 1 and len(users[calls[i].inputs[0]]) == 1:
        i = calls[i].inputs[0]
        chain.insert(0, i)
    return chain


def _shuffle_before(calls: list[Node], chain: list[int]) -> int | None:
    """Return the PixelShuffle at the end of a chain, pointwise layers after it aside."""
    for i in reversed(chain):
        if isinstance(calls[i].layer, PixelShuffle):
            return i
        if not isinstance(calls[i].layer, POINTWISE):
            return None
    return None


def _fold(convolution: keras.layers.Conv2D, norm: keras.layers.Layer) -> keras.layers.Conv2D:
    """Return one convolution that equals the two layers in sequence."""
    gamma, beta, mean, variance = norm.get_weights()
    factor = gamma / np.sqrt(variance + norm.epsilon)
    kernel, *bias = convolution.get_weights()
    before = bias[0] if bias else 0.0
    return _convolution_like(convolution, kernel * factor, (before - mean) * factor + beta)


def _before_shuffle(convolution: keras.layers.Conv2D, scale: int) -> keras.layers.Conv2D:
    """Return the convolution before a PixelShuffle that equals `convolution` after it.

    Both pad with zeros: the border is the same at either size.
    """
    kernel, *bias = convolution.get_weights()
    size, _, channels, filters = kernel.shape
    reach = size // 2
    coarse = -(-reach // scale)
    taps = np.zeros((2 * coarse + 1,) * 2 + (scale, scale, channels, scale, scale, filters))
    for y, x, i, j in np.ndindex(size, size, scale, scale):
        row, sub_row = divmod(i + y - reach, scale)
        column, sub_column = divmod(j + x - reach, scale)
        taps[row + coarse, column + coarse, sub_row, sub_column, :, i, j] = kernel[y, x]
    taps = taps.reshape(*taps.shape[:2], scale**2 * channels, scale**2 * filters)
    bias = np.tile(bias[0], scale**2) if bias else np.zeros(scale**2 * filters)
    return _convolution_like(convolution, taps, bias)


def _convolution_like(
    model: keras.layers.Conv2D, kernel: np.ndarray, bias: np.ndarray
) -> keras.layers.Conv2D:
    config = model.get_config()
    config |= {"kernel_size": kernel.shape[:2], "filters": kernel.shape[3], "use_bias": True}
    layer = keras.layers.Conv2D.from_config(config)
    layer.build((None, None, None, kernel.shape[2]))
    layer.set_weights([kernel, bias])
    return layer


def _build(
    calls: list[Node], steps: list[list[keras.layers.Layer]], output: int
) -> tuple[keras.Model, keras.Model | None]:
    """Call the layers, on a new input after the cut; the tail must need nothing else."""
    cut = next((i for i, call in enumerate(calls) if call.layer.name == CUT), None)
    if cut is not None and any(j < cut for call in calls[cut + 1 :] for j in call.inputs):
        cut = None
    tensors: list[keras.KerasTensor] = []
    inputs: list[keras.KerasTensor] = []
    ends: list[keras.KerasTensor] = []
    for i, (call, layers) in enumerate(zip(calls, steps, strict=True)):
        if call.inputs:
            x = [tensors[j] for j in call.inputs]
            x = x if len(x) > 1 else x[0]
            for layer in layers:
                x = layer(x)
        else:
            x = keras.Input(call.shape[1:], dtype="float32", name=call.layer.name)
            inputs.append(x)
        if i == cut:
            ends.append(x)
            x = keras.Input(call.shape[1:], dtype=x.dtype, name="features")
            inputs.append(x)
        tensors.append(x)
    models = [keras.Model(*pair) for pair in zip(inputs, [*ends, tensors[output]], strict=True)]
    return models[0], models[1] if len(models) > 1 else None
