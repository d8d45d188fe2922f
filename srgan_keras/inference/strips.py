"""Upscaling piece by piece inside a TensorFlow graph, so that memory does not grow with the image.

At a megapixel of LR one feature map at SR size takes gigabytes, and TensorFlow's convolution on
CPUs ends the process. Images are cut into strips that overlap by the receptive radius: what comes
out equals the whole, since nothing that an SR pixel depends on is cut off.
"""

from collections.abc import Callable

import tensorflow as tf

PASS_PIXELS = 2**19
"""LR pixels, N x H x W, that go through the network at once."""


def upscale_in_strips(
    network: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, scale: int, radius: int
) -> tf.Tensor:
    """Apply `network` to strips across the longer side of each image.

    Args:
        network: float32 [1, h, w, 3] -> float32 [1, scale * h, scale * w, 3], any h and w.
        images: float32 [N, H, W, 3], none of them zero.
        scale: SR side over LR side.
        radius: the network's receptive radius in LR px.

    Returns:
        float32 [N, scale * H, scale * W, 3].
    """
    count, height, width = tf.unstack(tf.shape(images)[:3])
    tall = height >= width
    length, across = tf.maximum(height, width), tf.minimum(height, width)
    rows = tf.maximum(PASS_PIXELS // across - 2 * radius, radius + 1)  # of a strip, overlap aside
    strips = -(-length // rows)

    def strip(i: tf.Tensor) -> tf.Tensor:
        """Return SR of strip i, counted over all images: [scale * its rows, scale * across, 3]."""
        start = i % strips * rows
        stop = tf.minimum(start + rows, length)
        first, last = tf.maximum(start - radius, 0), tf.minimum(stop + radius, length)
        image = images[i // strips]
        part = tf.cond(tall, lambda: image[first:last], lambda: image[:, first:last])
        sr = network(part[tf.newaxis])[0]
        sr = tf.cond(tall, lambda: sr, lambda: tf.transpose(sr, (1, 0, 2)))
        return sr[scale * (start - first) : scale * (stop - first)]

    def step(i: tf.Tensor, done: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        return i + 1, done.write(i, strip(i))

    total = count * strips
    done = tf.TensorArray(tf.float32, total, infer_shape=False, element_shape=(None, None, 3))
    _, done = tf.while_loop(lambda i, _: i < total, step, (0, done), parallel_iterations=1)
    sr = tf.reshape(done.concat(), tf.stack([count, scale * length, scale * across, 3]))
    return tf.cond(tall, lambda: sr, lambda: tf.transpose(sr, (0, 2, 1, 3)))
