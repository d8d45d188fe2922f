"""The size of an image file, found in a TensorFlow graph without decoding it."""

import tensorflow as tf

from srgan_keras.export import graph_bytes


def size_in_header(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Read height and width (int64) from the head of a PNG, JPEG, BMP or WebP file.

    The size is known before decoding: a file of some hundred kilobytes can decode to gigabytes. A
    damaged file may give any numbers.

    Args:
        contents: a string scalar.

    Raises:
        tf.errors.InvalidArgumentError: the file is of another kind.
    """

    def number(start: int, count: int, big_endian: bool = False) -> tf.Tensor:
        return graph_bytes.number(contents, start, count, big_endian)

    def starts(text: bytes, at: int = 0) -> tf.Tensor:
        return tf.equal(graph_bytes.piece(contents, at, len(text)), text)

    def png() -> tuple[tf.Tensor, tf.Tensor]:
        return number(20, 4, big_endian=True), number(16, 4, big_endian=True)

    def jpeg() -> tuple[tf.Tensor, tf.Tensor]:
        shape = tf.io.extract_jpeg_shape(contents, output_type=tf.int32)
        return tf.cast(shape[0], tf.int64), tf.cast(shape[1], tf.int64)

    def bmp() -> tuple[tf.Tensor, tf.Tensor]:
        height = number(22, 4)  # two's complement: negative where rows run from the top
        return tf.where(height < 2**31, height, 2**32 - height), number(18, 4)

    def webp_lossy() -> tuple[tf.Tensor, tf.Tensor]:
        return number(28, 2) % 2**14, number(26, 2) % 2**14

    def webp_lossless() -> tuple[tf.Tensor, tf.Tensor]:
        both = number(21, 4)
        return both // 2**14 % 2**14 + 1, both % 2**14 + 1

    def webp_extended() -> tuple[tf.Tensor, tf.Tensor]:
        return number(27, 3) + 1, number(24, 3) + 1

    def unknown() -> tuple[tf.Tensor, tf.Tensor]:
        text = "images must be files of the kinds PNG, JPEG, BMP or WebP"
        with tf.control_dependencies([tf.debugging.Assert(False, [text])]):
            return tf.constant(0, tf.int64), tf.constant(0, tf.int64)

    kinds = [
        (starts(b"\x89PNG\r\n\x1a\n"), png),
        (starts(b"\xff\xd8\xff"), jpeg),
        (starts(b"BM"), bmp),
        (starts(b"WEBPVP8 ", at=8), webp_lossy),
        (starts(b"WEBPVP8L", at=8), webp_lossless),
        (starts(b"WEBPVP8X", at=8), webp_extended),
    ]
    return tf.case(kinds, default=unknown)
