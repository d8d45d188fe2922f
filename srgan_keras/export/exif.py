"""The EXIF orientation and the chunks of an image file, found in a TensorFlow graph."""

from collections.abc import Callable

import tensorflow as tf

from srgan_keras.export.graph_bytes import Place, length, number, piece

Block = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
"""From the place of a block: is it the wanted one, is it the last, and where is the next?"""

_IFD_BYTES = 2**16
"""An EXIF segment of JPEG is no longer."""


def orientation(contents: tf.Tensor) -> tf.Tensor:
    """Return the EXIF orientation of a JPEG, PNG or WebP file, int32: 1 to 8.

    It is 1 where there is none, where it is damaged, and in files of other kinds.

    Args:
        contents: a string scalar.
    """
    nowhere = tf.constant(-1, tf.int64)
    at = tf.case(
        [
            (tf.equal(piece(contents, 0, 2), b"\xff\xd8"), lambda: _exif_of_jpeg(contents)),
            (tf.equal(piece(contents, 1, 3), b"PNG"), lambda: png_chunk(contents, b"eXIf")),
            (tf.equal(piece(contents, 8, 4), b"WEBP"), lambda: _exif_of_webp(contents)),
        ],
        default=lambda: nowhere,
    )
    return tf.cond(at < 0, lambda: 1, lambda: _tag(piece(contents, at, _IFD_BYTES)))


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Apply an EXIF orientation, int32 1 to 8, to an image [H, W, C]."""
    turned = [
        lambda: image,
        lambda: image[:, ::-1],
        lambda: image[::-1, ::-1],
        lambda: image[::-1],
        lambda: tf.transpose(image, [1, 0, 2]),
        lambda: tf.transpose(image, [1, 0, 2])[:, ::-1],
        lambda: tf.transpose(image[::-1, ::-1], [1, 0, 2]),
        lambda: tf.transpose(image, [1, 0, 2])[::-1],
    ]
    return tf.switch_case(orientation - 1, turned)


def png_chunk(contents: tf.Tensor, name: bytes, before_pixels: bool = False) -> tf.Tensor:
    """Return the place of a chunk's data, int64, or -1 if a PNG file has none."""

    def following(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        kind = piece(contents, at + 4, 4)
        last = tf.equal(kind, b"IDAT") if before_pixels else tf.constant(False)
        return tf.equal(kind, name), last, at + 12 + number(contents, at, 4, big_endian=True)

    return _search(contents, 8, following, 8)


def _exif_of_jpeg(contents: tf.Tensor) -> tf.Tensor:
    def following(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        marker = piece(contents, at, 2)
        found = tf.equal(marker + piece(contents, at + 4, 6), b"\xff\xe1Exif\0\0")
        fill = tf.equal(marker, b"\xff\xff")
        last = tf.logical_or(number(contents, at, 1) < 255, tf.equal(marker, b"\xff\xda"))
        return (
            found,
            last,
            tf.where(fill, at + 1, at + 2 + number(contents, at + 2, 2, big_endian=True)),
        )

    return _search(contents, 2, following, 4)


def _exif_of_webp(contents: tf.Tensor) -> tf.Tensor:
    def following(at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        size = number(contents, at + 4, 4)
        found = tf.equal(piece(contents, at, 4), b"EXIF")
        return found, tf.constant(False), at + 8 + size + size % 2

    return _search(contents, 12, following, 8)


def _search(contents: tf.Tensor, start: int, following: Block, head: int) -> tf.Tensor:
    """Go from block to block; return where the data of the wanted one begin, or -1."""
    end = length(contents)

    def step(at: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found, last, after = following(at)
        return tf.where(tf.logical_or(found, last), end, after), tf.where(found, at + head, -1)

    _, place = tf.while_loop(
        lambda at, _: at < end, step, (tf.constant(start, tf.int64), tf.constant(-1, tf.int64))
    )
    return place


def _tag(exif: tf.Tensor) -> tf.Tensor:
    """Return the orientation in EXIF data (TIFF 6.0, image file directory), int32, or 1."""
    exif = tf.cond(
        tf.equal(piece(exif, 0, 4), b"Exif"), lambda: piece(exif, 6, _IFD_BYTES), lambda: exif
    )
    little = tf.equal(piece(exif, 0, 2), b"II")

    def value_of(at: Place, count: int) -> tf.Tensor:
        return tf.where(little, number(exif, at, count), number(exif, at, count, big_endian=True))

    directory = value_of(4, 4)
    raw = tf.io.decode_raw(piece(exif, directory + 2, 12 * value_of(directory, 2)), tf.uint8)
    fields = tf.cast(tf.reshape(raw[: tf.size(raw) // 12 * 12], [-1, 12]), tf.int32)
    high = tf.where(little, 1, 0)
    tags = 256 * tf.gather(fields, high, axis=1) + tf.gather(fields, 1 - high, axis=1)
    values = 256 * tf.gather(fields, 8 + high, axis=1) + tf.gather(fields, 9 - high, axis=1)
    found = tf.boolean_mask(values, tf.equal(tags, 0x0112))
    value = tf.concat([found, [1]], 0)[0]
    return tf.where((value >= 1) & (value <= 8), value, 1)
