"""`generator.keras` under Keras with another backend than TensorFlow."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from srgan_keras.export.model_folder import pretrained

TOLERANCE = 1e-4  # of images in 0..1
SIZES = ((1, 1), (10, 14))
"""Smaller than the reach of the bicubic skip, and larger; at scale 1 no multiple of the fold."""
PROGRAM = """
import sys

sys.modules["tensorflow"] = None  # not installed
import keras
import numpy as np
import srgan_keras
from srgan_keras.paths import packaged

inputs = np.load(sys.argv[1])
outputs = {}
for name in sys.argv[3:]:
    model = keras.models.load_model(packaged("saved_models") / name / "generator.keras")
    for size, lr in inputs.items():
        outputs[f"{name} {size}"] = keras.ops.convert_to_numpy(model(lr))
np.savez(sys.argv[2], **outputs)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_pretrained_models_give_tensorflows_pixels_without_tensorflow(backend, tmp_path, rng):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"needs the package {backend}")
    inputs = {str(size): rng.random((1, *size, 3), np.float32) for size in SIZES}
    np.savez(tmp_path / "in.npz", **inputs)
    names = ("fundus-x4", "fundus-restore")
    files = (str(tmp_path / "in.npz"), str(tmp_path / "out.npz"))
    subprocess.run(
        [sys.executable, "-c", PROGRAM, *files, *names],
        env=os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        check=True,
    )
    found = np.load(tmp_path / "out.npz")
    for name in names:
        model = keras.models.load_model(pretrained()[name] / "generator.keras")
        for size, lr in inputs.items():
            expected = model(lr).numpy()
            np.testing.assert_allclose(found[f"{name} {size}"], expected, atol=TOLERANCE)
