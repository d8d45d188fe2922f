"""Export of a generator as a SavedModel that serves images without Keras and without this package.

It has three signatures. The argument and the output are `images`, of any N, H and W:

- `serving_default`: uint8 [N, H, W, 3] -> uint8 [N, sH, sW, 3], clipped and rounded.
- `serve_float`: float32 [N, H, W, 3] in 0..1 -> float32 [N, sH, sW, 3], clipped to 0..1.
- `serve_bytes`: string [N], PNG, JPEG, BMP or WebP files of any size -> string [N], PNG files.

A request fails with InvalidArgument when an image has no pixels or more than the pixel limit, or
when bytes are not an image. The server stays up.
"""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srgan_keras.export.decode_file import decode_file
from srgan_keras.export.graph_tiles import upscale_in_tiles
from srgan_keras.export.image_header import size_in_header
from srgan_keras.export.network import InferenceNetwork
from srgan_keras.models.receptive_field import fold, receptive_radius
from srgan_keras.process import dtype_policy

PIXEL_LIMIT = 2**24
"""The most LR pixels of one image that a SavedModel takes, by default."""

PASS_BYTES = 2**29
"""Memory for feature maps. A request that needs more is computed tile by tile."""


def export(generator: keras.Model, folder: Path, pixel_limit: int = PIXEL_LIMIT) -> keras.Model:
    """Write `generator` to `folder` as a SavedModel.

    Besides the signatures it has the attribute `network`, an `InferenceNetwork`.

    Args:
        generator: float32 [N, h, w, 3] in 0..1 -> float32 [N, sh, sw, 3], not clipped, of any
            dtype policy.
        folder: made, or overwritten.
        pixel_limit: the most LR pixels, H x W, of one image.

    Returns:
        the float32 copy of `generator` that was exported.

    Raises:
        ValueError: the generator has no receptive radius (see `receptive_field`).
    """
    model = float32_copy(generator)
    module = tf.Module()
    module.network = InferenceNetwork(model, scale_of(model))
    signatures = _signatures(module.network, model, pixel_limit)
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return model


def float32_copy(generator: keras.Model) -> keras.Model:
    """Rebuild a functional model with every layer's dtype policy float32, and copy its weights."""
    with dtype_policy("float32"):  # for layers that a layer makes without saying so
        copy = type(generator).from_config(_with_float32_policies(generator.get_config()))
    copy.set_weights(generator.get_weights())
    return copy


def scale_of(model: keras.Model) -> int:
    """Return SR side over LR side of a generator."""
    return model(np.zeros((1, 8, 8, 3), np.float32), training=False).shape[1] // 8


def _with_float32_policies(config: object) -> object:
    """Replace the dtype policies in a (nested) configuration of layers."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return "float32"
        return {key: _with_float32_policies(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_with_float32_policies(value) for value in config)
    return config


def _signatures(
    network: InferenceNetwork, model: keras.Model, pixel_limit: int
) -> dict[str, tf.types.experimental.Callable]:
    """Make the three functions; they share one traced copy of the network."""
    scale = scale_of(model)
    radius, side = receptive_radius(model, scale), fold(model)
    pixels = PASS_BYTES // network.bytes_per_pixel

    def spec(dtype: tf.DType, *shape: int | None) -> list[tf.TensorSpec]:
        return [tf.TensorSpec(shape, dtype, name="images")]

    def upscale(
        network: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, dtype: tf.DType
    ) -> tf.Tensor:
        shape = tf.shape(images, out_type=tf.int64)
        with tf.control_dependencies([_assert_size(shape[1], shape[2], pixel_limit)]):
            images = tf.identity(images)
        return upscale_in_tiles(network, images, scale, radius, pixels, dtype, side)

    def rounded(images: tf.Tensor) -> tf.Tensor:
        # In float64, or TensorFlow makes a multiplication of it, which is an ulp off x / 255.
        floats = network.float32(tf.cast(tf.cast(images, tf.float64) / 255.0, tf.float32))
        return tf.cast(tf.round(floats * 255.0), tf.uint8)  # the cast alone would truncate

    @tf.function(input_signature=spec(tf.uint8, None, None, None, 3))
    def upscale_uint8(images: tf.Tensor) -> tf.Tensor:
        return upscale(rounded, images, tf.uint8)

    def upscale_file(contents: tf.Tensor) -> tf.Tensor:
        height, width = size_in_header(contents)
        with tf.control_dependencies([_assert_size(height, width, pixel_limit)]):
            contents = tf.identity(contents)
        image = decode_file(contents)
        return tf.io.encode_png(upscale_uint8(image[tf.newaxis])[0])

    @tf.function(input_signature=spec(tf.uint8, None, None, None, 3))
    def serving_default(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": upscale_uint8(images)}

    @tf.function(input_signature=spec(tf.float32, None, None, None, 3))
    def serve_float(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": upscale(network.float32, images, tf.float32)}

    @tf.function(input_signature=spec(tf.string, None))
    def serve_bytes(images: tf.Tensor) -> dict[str, tf.Tensor]:
        png = tf.TensorSpec([], tf.string)
        # One at a time: their sizes differ, and one image already keeps all cores busy.
        files = tf.map_fn(upscale_file, images, parallel_iterations=1, fn_output_signature=png)
        return {"images": files}

    functions = (serving_default, serve_float, serve_bytes)
    return {function.python_function.__name__: function for function in functions}


def _assert_size(height: tf.Tensor, width: tf.Tensor, pixel_limit: int) -> tf.Operation:
    pixels = height * width
    fits = tf.logical_and(pixels >= 1, pixels <= pixel_limit)
    text = f"images must have 1 to {pixel_limit} pixels (height x width); this one is, in px:"
    return tf.debugging.Assert(fits, [text, height, width])
