"""A generator as a TensorFlow function for inference, in float32 or bfloat16, in bounded memory."""

import keras
import tensorflow as tf

from srgan_keras.export.graph_tiles import upscale_in_tiles
from srgan_keras.export.serving_form import serving_form
from srgan_keras.models.bicubic import BicubicUpsampling
from srgan_keras.models.graph import nodes
from srgan_keras.models.layers import Affine
from srgan_keras.models.receptive_field import bytes_per_pixel, receptive_radius
from srgan_keras.process import dtype_policy

TAIL_BYTES = 2**28
"""Memory for the part after the residual blocks, by `bytes_per_pixel`."""

EXACT = (Affine, BicubicUpsampling, keras.layers.InputLayer)
"""Layers that compute with the image's own values: always in float32."""


class InferenceNetwork(tf.Module):
    """A generator in its serving form, as a SavedModel holds it: the weights are stored once.

    Attributes:
        float32: function, float32 [N, h, w, 3] in 0..1 -> float32 [N, sh, sw, 3] clipped to 0..1,
            any N, h and w.
        bfloat16: the same function, computed in bfloat16 up to the last convolution.
        bytes_per_pixel: memory for an LR pixel, in float32.
    """

    def __init__(self, generator: keras.Model, scale: int) -> None:
        super().__init__()
        parts = [part for part in serving_form(generator) if part is not None]
        self.bytes_per_pixel = bytes_per_pixel(parts[0])
        # The bare variables alone: a module that holds the Keras models as well, as `model.export`
        # and `ExportArchive.track` do, stores each weight twice.
        self.kept = [[variable.value for variable in part.variables] for part in parts]
        self.float32 = self._function(parts, parts, scale)
        self.bfloat16 = self._function(parts, _bfloat16_copies(parts), scale)

    def _function(
        self, parts: list[keras.Model], copies: list[keras.Model], scale: int
    ) -> tf.types.experimental.PolymorphicFunction:
        """Compute with the layers of the copies and the weights of the parts."""

        def call(i: int, x: tf.Tensor) -> tf.Tensor:
            trainable = [variable.value for variable in parts[i].trainable_variables]
            others = [variable.value for variable in parts[i].non_trainable_variables]
            return copies[i].stateless_call(trainable, others, x, training=False)[0]

        if len(parts) > 1:
            radius = receptive_radius(parts[1], scale)
            pixels = TAIL_BYTES // bytes_per_pixel(parts[1])

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), name="images")])
        def network(images: tf.Tensor) -> tf.Tensor:
            x = call(0, images)
            if len(parts) > 1:
                x = upscale_in_tiles(lambda part: call(1, part), x, scale, radius, pixels)
            return tf.clip_by_value(x, 0.0, 1.0)

        return network


@dtype_policy("float32")  # of the models; their layers have policies of their own
def _bfloat16_copies(parts: list[keras.Model]) -> list[keras.Model]:
    """Rebuild the models with bfloat16 up to the last convolution, which makes the image."""
    calls = [call.layer for part in parts for call in nodes(part)[0]]
    convolutions = [i for i, layer in enumerate(calls) if isinstance(layer, keras.layers.Conv2D)]
    until = convolutions[-1] if convolutions else -1
    half = {layer.name for layer in calls[: until + 1] if not isinstance(layer, EXACT)}

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        half_precision = {"dtype": "mixed_bfloat16"} if layer.name in half else {}
        return type(layer).from_config(layer.get_config() | half_precision)

    return [keras.models.clone_model(part, clone_function=copy) for part in parts]
