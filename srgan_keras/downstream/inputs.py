"""What a segmenter is shown of a photograph: HR, or LR enlarged, all at HR's pixel size."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from srgan_keras.downstream.tasks import Case
from srgan_keras.evaluation.protocol import Sample, Standard, Upscaler


class Inputs:
    """The inputs by name: `hr`, `bicubic`, and the models.

    SR is kept in `folder`, since an experiment that goes on needs it again.

    Args:
        models: of one scale.
        protocol: how LR is made.
        folder: `MODEL/ID-CRC.png`, with the CRC-32 of HR.
    """

    def __init__(self, models: Sequence[Upscaler], protocol: Standard, folder: Path) -> None:
        self.models = {model.name: model for model in models}
        self.protocol, self.folder = protocol, folder
        self.names = ["hr", "bicubic", *self.models]

    def image(self, name: str, case: Case) -> np.ndarray:
        """Return an input, uint8 RGB of the case's size."""
        if name == "hr":
            return case.image
        crc = zlib.crc32(case.image)
        if name == "bicubic":
            return self.protocol.baseline(name, self._sample(case, crc))
        file = self.folder / name / f"{case.id}-{crc:08x}.png"
        if file.exists():
            return cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        sr = self.protocol.enlarge(self.models[name], self._sample(case, crc))
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new.png")
        cv2.imwrite(str(beside), cv2.cvtColor(sr, cv2.COLOR_RGB2BGR))
        beside.replace(file)
        return sr

    def _sample(self, case: Case, crc: int) -> Sample:
        return Sample(case.image, self.protocol.degraded(case.image, crc), {}, crc)
