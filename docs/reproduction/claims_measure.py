"""What is measured of a generator of claims.yaml: a few photographs of three cameras."""

import logging
import pickle
import statistics
import zlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srgan_keras import metrics
from srgan_keras.data import datasets
from srgan_keras.evaluation.protocol import Sample, Standard
from srgan_keras.evaluation.vgg_distance import vgg_features
from srgan_keras.rounding import to_uint8

log = logging.getLogger(__name__)

SEEN, UNSEEN = ("idrid",), ("aptos", "drive")
"""Cameras that are in the training photographs, and cameras that are not."""
SCALE = 4
CAMERAS = (*SEEN, *UNSEEN)
COUNTS = {"idrid": 10, "aptos": 12, "drive": 10}
"""Photographs, spread evenly over the sorted ones."""
MIDDLE = 256
"""Side in px of the middle of a photograph, whose features are compared."""

Case = tuple[Sample, float]
"""A photograph, and bicubic's PSNR on `inner`."""


class Cameras:
    """Photographs prepared once by protocol `standard` at 512 px.

    Args:
        folders: camera -> DATASET.
        file: keeps the prepared photographs.
    """

    def __init__(self, folders: dict[str, str], file: Path) -> None:
        self._features = vgg_features()
        self._known: dict[int, np.ndarray] = {}
        if file.exists():
            self._cases: dict[str, list[Case]] = pickle.loads(file.read_bytes())
            return
        self._cases = {
            camera: [_case(photograph) for photograph in _spread(folder, camera)]
            for camera, folder in folders.items()
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(self._cases))

    def measure(self, generator: keras.Model, perceptual: bool) -> dict[str, float]:
        """Return the mean of each measure over the photographs of each camera.

        Args:
            generator: float32.
            perceptual: measure the distance of features too, which takes the longest.
        """
        row = {}
        call = tf.function(lambda lr: generator(lr, training=False), reduce_retracing=True)
        for camera, cases in self._cases.items():
            found: dict[str, list[float]] = {}
            for number, (sample, bicubic) in enumerate(cases):
                sr = to_uint8(255 * call(tf.constant(sample.lr[None], tf.float32) / 255).numpy()[0])
                values = _compared(sample, sr, bicubic)
                if perceptual and number % 2 == 0:
                    values["vgg_distance"] = self._distance(sample.hr, sr)
                for name, value in values.items():
                    found.setdefault(name, []).append(value)
            row |= {f"{name}_{camera}": statistics.fmean(v) for name, v in found.items()}
        return row

    def _distance(self, hr: np.ndarray, sr: np.ndarray) -> float:
        """Return a thousand times vgg_distance of the middles."""
        top, left = ((side - MIDDLE) // 2 for side in hr.shape[:2])
        hr, sr = (image[top : top + MIDDLE, left : left + MIDDLE] for image in (hr, sr))
        if (key := zlib.crc32(np.ascontiguousarray(hr))) not in self._known:
            self._known[key] = self._features(hr)
        return 1000 * metrics.vgg_distance(self._known[key], self._features(sr))


def _compared(sample: Sample, sr: np.ndarray, bicubic: float) -> dict[str, float]:
    inner = sample.regions["inner"]
    square = metrics.largest_square(inner)
    spectra = metrics.spectrum(sample.hr, square), metrics.spectrum(sr, square)
    return {
        "gain": metrics.psnr(sample.hr, sr, inner) - bicubic,
        "band_energy": metrics.band_energy(*spectra, SCALE),
        "grid_energy": metrics.grid_energy(*spectra, SCALE),
    }


def _spread(folder: str, camera: str) -> list[datasets.Photograph]:
    photographs = datasets.find(folder)
    step = max(1, len(photographs) // COUNTS[camera])
    return photographs[::step][: COUNTS[camera]]


def _case(photograph: datasets.Photograph) -> Case:
    standard = Standard()
    sample = standard.prepare(photograph)
    bicubic = standard.baseline("bicubic", sample)
    return sample, metrics.psnr(sample.hr, bicubic, sample.regions["inner"])
