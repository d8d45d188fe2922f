"""Checks that a SavedModel computes the same as the Keras model."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srgan_keras.tensorflow_path import readable

LIMIT = 0.5 / 255
"""The largest accepted absolute difference on images in 0..1: half a grey level."""

SIZES = ((1, 24, 24), (2, 17, 31), (1, 5, 8), (1, 1, 1))
"""N, H and W of the images compared."""

SERVER = Path(__file__).with_name("serve_alone.py")
"""A program, never imported: it shuts Keras out of its process."""


def saved_model_parity(model: keras.Model, folder: Path) -> dict[str, object]:
    """Compare a SavedModel, served by a process without Keras and this package, with `model`.

    Both compute on the CPU, where a GPU's lower multiplication precision does not hide errors.

    Args:
        model: the generator as exported, float32 in 0..1, not clipped.
        folder: the SavedModel's.

    Returns:
        `max_abs_diff` of serve_float (0..1), `max_level_diff` of serving_default (0..255), `sizes`.

    Raises:
        RuntimeError: the SavedModel does not load or serve, differs by more than `LIMIT` or by
            more than a level, or its signatures differ.
    """
    rng = np.random.default_rng(0)
    images = {f"{i}": rng.integers(0, 256, (*size, 3), np.uint8) for i, size in enumerate(SIZES)}
    answers = _serve(folder, images)
    difference, levels = [], []
    for name, image in images.items():
        with tf.device("CPU:0"):
            expected = model(image.astype(np.float32) / 255, training=False).numpy().clip(0, 1)
        served = answers[f"{name}.serving_default"]
        difference.append(np.abs(answers[f"{name}.serve_float"] - expected).max())
        levels.append(np.abs(served - np.rint(expected * 255)).max())
        if not np.array_equal(served, answers[f"{name}.serve_bytes"]):
            raise RuntimeError(f"{folder}: serve_bytes and serving_default differ")
    if not (max(difference) <= LIMIT and max(levels) <= 1):  # a NaN is refused too
        raise RuntimeError(
            f"{folder} differs from the Keras model by {max(difference):.2g} (limit {LIMIT:g})"
        )
    return {
        "max_abs_diff": float(max(difference)),
        "max_level_diff": int(max(levels)),
        "sizes": [list(size) for size in SIZES],
    }


def _serve(folder: Path, images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as scratch, readable(folder) as path:
        inputs, outputs = Path(scratch, "inputs.npz"), Path(scratch, "outputs.npz")
        np.savez(inputs, **images)
        # -P: the program's folder, this package's, stays off the import path
        command = [sys.executable, "-P", SERVER, path, inputs, outputs]
        cpu_only = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        done = subprocess.run(
            command, env=os.environ | cpu_only, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise RuntimeError(f"{folder} cannot be served without Keras: {last}")
        with np.load(outputs) as answers:
            return dict(answers)
