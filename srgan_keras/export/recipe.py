"""The input of a format beside the generator."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Recipe(NamedTuple):
    """The input of a format beside the generator.

    Attributes:
        scale: SR side over LR side.
        name: of the model.
        degradation: name of the degradation that it was trained to undo.
        tile: side of the only input that a file takes, in LR px; 0: any size.
        calibration: float32 [1, h, w, 3] in 0..1, images by which int8 ranges are chosen.
    """

    scale: int
    name: str = ""
    degradation: str = "unknown"
    tile: int = 0
    calibration: Sequence[np.ndarray] = ()
