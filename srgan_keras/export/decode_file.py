"""Decoding an image file in a TensorFlow graph, by the policy of `srgan_keras.data.decode`.

A graph differs from it in this: TIFF files and BMP files with a palette are refused, profiles are
not seen, and only EXIF data give an orientation.
"""

import tensorflow as tf

from srgan_keras.export.exif import orientation, png_chunk, upright
from srgan_keras.export.graph_bytes import number, piece


def decode_file(contents: tf.Tensor) -> tf.Tensor:
    """Decode a PNG, JPEG, BMP or WebP file: upright, 8 bit, over black.

    Args:
        contents: a string scalar.

    Returns:
        uint8 [H, W, 3].

    Raises:
        tf.errors.InvalidArgumentError: it is damaged, CMYK, or has several frames.
    """
    png = tf.equal(piece(contents, 0, 4), b"\x89PNG")
    webp = tf.equal(piece(contents, 8, 8), b"WEBPVP8X")
    flags = tf.where(webp, number(contents, 20, 1), 0)
    image = tf.case(
        [
            (png, lambda: _png(contents)),
            (flags // 2 % 2 > 0, lambda: _refused("this WebP file has several frames")),
            (flags // 16 % 2 > 0, lambda: _over_black(tf.io.decode_webp(contents, channels=4)[0])),
            (tf.equal(piece(contents, 0, 2), b"\xff\xd8"), lambda: _jpeg(contents)),
            (tf.equal(piece(contents, 0, 2), b"BM"), lambda: _bmp(contents)),
        ],
        default=lambda: _plain(contents),
    )
    image.set_shape([None, None, 3])
    return upright(image, orientation(contents))


def _plain(contents: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(contents, channels=3, expand_animations=False)


def _png(contents: tf.Tensor) -> tf.Tensor:
    several = png_chunk(contents, b"acTL", before_pixels=True) >= 0
    clear = png_chunk(contents, b"tRNS", before_pixels=True) >= 0
    depth, colours = number(contents, 24, 1), number(contents, 25, 1)
    simple = (depth <= 8) & (colours != 4) & (colours != 6) & ~clear

    def rich() -> tf.Tensor:
        image = tf.io.decode_png(contents, channels=4, dtype=tf.uint16)
        return _over_black(image, depth == 16)

    return tf.case(
        [
            (several, lambda: _refused("this PNG file has several frames")),
            (simple, lambda: _plain(contents)),
        ],
        default=rich,
    )


def _jpeg(contents: tf.Tensor) -> tf.Tensor:
    channels = tf.io.extract_jpeg_shape(contents)[2]
    return tf.cond(
        channels > 3,
        lambda: _refused("this JPEG file has CMYK colours: convert it to RGB"),
        # the default of TensorFlow is up to 27 levels away from other decoders
        lambda: tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE"),
    )


def _bmp(contents: tf.Tensor) -> tf.Tensor:
    bits, compression = number(contents, 28, 2), number(contents, 30, 4)
    grey = b"".join(bytes([level] * 3 + [0]) for level in range(256))
    # TensorFlow reads any palette as grey
    is_grey = (bits == 8) & tf.equal(piece(contents, 54, len(grey)), grey)
    return tf.cond(
        ((bits == 24) | is_grey) & (compression == 0),
        lambda: _plain(contents),
        lambda: _refused("this BMP file is not RGB of 24 bits: convert it to PNG"),
    )


def _over_black(image: tf.Tensor, sixteen: tf.Tensor | bool = False) -> tf.Tensor:
    """Return colour x alpha, rounded once.

    Args:
        image: uint8 or uint16 [H, W, 4].
        sixteen: whether values of 8 to 14 bits count as such (see `data.image_file`).

    Returns:
        uint8 [H, W, 3].
    """
    image = tf.cast(image, tf.int64) if image.dtype == tf.uint16 else tf.cast(image, tf.int64) * 257
    colour, alpha = image[..., :3], image[..., 3:]
    tops = tf.constant([2**bits - 1 for bits in (8, 10, 12, 14, 16)], tf.int64)
    top = tf.reduce_min(tf.boolean_mask(tops, tops >= tf.reduce_max(colour)))
    top = tf.where(sixteen, top, tops[-1])
    full = top * tf.where(tf.reduce_max(alpha) > top, tops[-1], top)
    return tf.cast((colour * alpha * 510 + full) // (2 * full), tf.uint8)


def _refused(text: str) -> tf.Tensor:
    with tf.control_dependencies([tf.debugging.Assert(False, [text])]):
        return tf.zeros([0, 0, 3], tf.uint8)
