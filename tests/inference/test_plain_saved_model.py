from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.errors import UsageError
from srgan_keras.inference.plain_saved_model import PlainSavedModel


class Twice(tf.Module):
    """Nearest neighbour; the float signature is a little brighter, to tell the two apart."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, "images")])
    def levels(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": tf.repeat(tf.repeat(images, 2, 1), 2, 2)}

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "images")])
    def floats(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": tf.repeat(tf.repeat(images, 2, 1), 2, 2) + 0.001}


def saved(folder: Path, **signatures: str) -> Path:
    module = Twice()
    chosen = {name: getattr(module, of) for name, of in signatures.items()}
    tf.saved_model.save(module, str(folder), signatures=chosen)
    return folder


def test_it_enlarges_and_its_scale_is_found(tmp_path: Path, rng):
    model = PlainSavedModel(saved(tmp_path / "theirs", serving_default="levels"))
    assert (model.name, model.scale, model.degradation) == ("theirs", 2, "unknown")
    image = rng.integers(0, 256, (5, 7, 3), np.uint8)
    expected = image.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(model.upscale(image), expected)
    np.testing.assert_allclose(model.upscale_float(image), expected / 255, atol=1e-6)


def test_the_float_signature_is_used_where_it_is(tmp_path: Path, rng):
    folder = saved(tmp_path / "theirs", serving_default="levels", serve_float="floats")
    image = rng.integers(0, 256, (5, 7, 3), np.uint8)
    expected = image.repeat(2, 0).repeat(2, 1) / 255 + 0.001
    np.testing.assert_allclose(PlainSavedModel(folder).upscale_float(image), expected, atol=1e-6)


def test_other_signatures_are_one_line(tmp_path: Path):
    folder = saved(tmp_path / "theirs", predict="levels")
    with pytest.raises(UsageError, match="no signature serving_default"):
        PlainSavedModel(folder)
    with pytest.raises(UsageError, match="no signature serving_default"):
        PlainSavedModel(saved(tmp_path / "floats", serving_default="floats"))
