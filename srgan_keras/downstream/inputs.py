"""The inputs of a segmenter: HR, or LR upscaled or restored, all at HR's pixel size.

A lesion is darker or brighter than what surrounds it, on a ground whose own brightness varies more:
networks for lesions are shown the local contrast.
"""

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from srgan_keras.downstream.tasks import Case, Task
from srgan_keras.evaluation.protocol import Method, Sample, Standard
from srgan_keras.files import atomic_write


class Inputs:
    """The inputs by name: `hr`, `bicubic` (at scale 1 `input`, which is LR), and the models.

    SR is kept in `folder`, since a resumed experiment needs it again. A file's name holds
    what SR is a function of: LR, and what the model makes of a fixed image.

    Args:
        models: of one scale.
        protocol: how LR is made.
        folder: `MODEL/ID-LR-MODEL.png`, the last two CRC-32.
        task: decides what networks see of an input.
    """

    def __init__(
        self, models: Sequence[Method], protocol: Standard, folder: Path, task: Task
    ) -> None:
        self.models = {model.name: model for model in models}
        self.protocol, self.folder, self.task = protocol, folder, task
        self.names = ["hr", protocol.reference, *self.models]
        probe = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        self._known = {name: zlib.crc32(m.upscale(probe)) for name, m in self.models.items()}

    def image(self, name: str, case: Case) -> np.ndarray:
        """Return an input, uint8 RGB of the case's size."""
        if name == "hr":
            return case.image
        index = zlib.crc32(case.image)
        sample = Sample(case.image, self.protocol.degraded(case.image, index), {}, index)
        if name == self.protocol.reference:
            return self.protocol.baseline(name, sample)
        lr = zlib.crc32(sample.lr)
        file = self.folder / name / f"{case.id}-{lr:08x}-{self._known[name]:08x}.png"
        if file.exists():
            with Image.open(file) as image:
                return np.array(image)
        sr = self.protocol.upscale(self.models[name], sample)
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as partial:
            Image.fromarray(sr).save(partial)
        return sr

    def seen(self, name: str, case: Case) -> np.ndarray:
        """Return an input as a network sees it: of lesions, by `local_contrast`."""
        image = self.image(name, case)
        return local_contrast(image, case.fov) if self.task == "lesions" else image


def local_contrast(image: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Return 128 + 4 (image - its surroundings) as uint8, 128 outside the field of view.

    Surroundings are a Gaussian mean over the field of view, of a thirtieth of the long side, as in
    the winning entry of Kaggle's Diabetic Retinopathy Detection (Graham 2015).

    Args:
        image: uint8 RGB [H, W, 3].
        fov: bool [H, W].
    """
    sigma, weight = max(fov.shape) / 30, fov.astype(np.float32)
    total = cv2.GaussianBlur(image * weight[..., np.newaxis], (0, 0), sigma)
    mean = total / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-6)[..., np.newaxis]
    contrast = np.where(fov[..., np.newaxis], 128 + 4 * (image - mean), 128)
    return np.clip(np.rint(contrast), 0, 255).astype(np.uint8)
