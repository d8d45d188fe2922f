"""Bytes and numbers of a file, in a TensorFlow graph. Past the end of the file nothing fails."""

import tensorflow as tf

Place = tf.Tensor | int


def length(contents: tf.Tensor) -> tf.Tensor:
    """Return the number of bytes of a string scalar, int64."""
    return tf.cast(tf.strings.length(contents), tf.int64)


def piece(contents: tf.Tensor, at: Place, count: Place) -> tf.Tensor:
    """Return `count` bytes from `at` on, or those that there are."""
    # past the end `substr` fails, with a message that is no UTF-8
    at = tf.minimum(tf.cast(at, tf.int64), length(contents))
    return tf.strings.substr(contents, at, tf.cast(count, tf.int64))


def number(contents: tf.Tensor, at: Place, count: int, big_endian: bool = False) -> tf.Tensor:
    """Return an unsigned number of `count` bytes, int64; missing bytes are 0."""
    padded = tf.strings.substr(piece(contents, at, count) + b"\0" * count, 0, count)
    digits = tf.cast(tf.io.decode_raw(padded, tf.uint8), tf.int64)
    powers = [256**i for i in range(count)]
    return tf.reduce_sum(digits * (powers[::-1] if big_endian else powers))
