"""Upscaling tile by tile inside a TensorFlow graph, so that memory does not grow with the image.

Each tile is computed from a window that is larger by the network's receptive radius, so that the
tiles together equal the whole. A window starts at a multiple of the network's fold.
"""

from collections.abc import Callable

import tensorflow as tf


def upscale_in_tiles(
    network: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    scale: int,
    radius: int,
    pixels: int,
    dtype: tf.DType = tf.float32,
    fold: int = 1,
) -> tf.Tensor:
    """Apply `network` to the images at once, or to square tiles of each in sequence.

    Args:
        network: [n, h, w, C] -> `dtype` [n, scale * h, scale * w, 3], any h and w.
        images: any type, [N, H, W, C], H and W not zero.
        scale: SR side over LR side.
        radius: the network's receptive radius in LR px.
        pixels: the most LR pixels, n x h x w, that the network takes at once.
        dtype: type of the network's output.
        fold: the network's, in LR px: see `receptive_field.fold`.

    Returns:
        `dtype` [N, scale * H, scale * W, 3].
    """
    count, height, width = tf.unstack(tf.shape(images)[:3])
    halo = -(-radius // fold) * fold
    # A tile that owned less than the radius would be nearly all halo.
    tile = max(int(pixels**0.5) - 2 * halo, halo, fold) // fold * fold

    def span(start: tf.Tensor, length: tf.Tensor) -> tuple[slice, slice]:
        """Return a tile's window along an axis, and where its own SR lies in the window's."""
        stop = tf.minimum(start + tile, length)
        first, last = tf.maximum(start - halo, 0), tf.minimum(stop + halo, length)
        return slice(first, last), slice(scale * (start - first), scale * (stop - first))

    def piece(image: tf.Tensor, top: tf.Tensor, left: tf.Tensor) -> tf.Tensor:
        """Return SR of a tile, columns first: [its columns, its rows, 3]."""
        (rows, own_rows), (columns, own_columns) = span(top, height), span(left, width)
        sr = network(image[tf.newaxis, rows, columns])
        return tf.transpose(sr[0, own_rows, own_columns], (1, 0, 2))

    def tiled() -> tf.Tensor:
        rows, columns = -(-height // tile), -(-width // tile)

        def row(i: tf.Tensor) -> tf.Tensor:
            image, top = images[i // rows], i % rows * tile
            across = _joined(lambda j: piece(image, top, j * tile), columns, dtype)
            return tf.transpose(across, (1, 0, 2))

        return tf.reshape(_joined(row, count * rows, dtype), whole)

    whole = tf.stack([count, scale * height, scale * width, 3])
    total = tf.reduce_prod(tf.shape(images, out_type=tf.int64)[:3])
    return tf.case(
        [
            # on some processors TensorFlow's convolution of no images has a wrong shape
            (total == 0, lambda: tf.zeros(whole, dtype)),
            (total <= pixels, lambda: network(images)),
        ],
        default=tiled,
    )


def _joined(
    part: Callable[[tf.Tensor], tf.Tensor], number: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """Join part(0), part(1), ... along their first axis; one is computed at a time."""
    done = tf.TensorArray(dtype, number, infer_shape=False, element_shape=(None, None, 3))
    _, done = tf.while_loop(
        lambda i, _: i < number,
        lambda i, done: (i + 1, done.write(i, part(i))),
        (0, done),
        parallel_iterations=1,
    )
    return done.concat()
