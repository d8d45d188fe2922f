"""A program, run by `parity`: serve arrays from a SavedModel where Keras cannot be imported.

Arguments: the SavedModel's folder, an .npz file of uint8 arrays [N, H, W, 3], and the .npz file to
write. That file holds NAME.serve_float, NAME.serving_default and NAME.serve_bytes for each array
NAME.
"""

import sys

sys.modules["keras"] = sys.modules["srgan_keras"] = None  # importing either raises ImportError

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def main(folder: str, inputs: str, outputs: str) -> None:
    """Ask each signature for each array."""
    signatures = tf.saved_model.load(folder).signatures
    answers = {}
    with np.load(inputs) as arrays:
        for name, images in arrays.items():
            floats = tf.constant(images.astype(np.float32) / 255)
            files = tf.stack([tf.io.encode_png(image) for image in images])
            pngs = signatures["serve_bytes"](images=files)["images"]
            answers |= {
                f"{name}.serve_float": signatures["serve_float"](images=floats)["images"],
                f"{name}.serving_default": signatures["serving_default"](images=images)["images"],
                f"{name}.serve_bytes": np.stack([tf.io.decode_png(png) for png in pngs]),
            }
    np.savez(outputs, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
