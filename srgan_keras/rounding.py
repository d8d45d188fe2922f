"""How values become 8 bit."""

import numpy as np


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Round float grey levels to uint8: halves up, as OpenCV and MATLAB do, clipped to 0..255.

    Three places round halves to even instead. `inference.upscaler` and the graph of a SavedModel
    (`export.saved_model`) must agree with each other. `data.pairs.coloured` keeps the rule by which
    the pretrained models were trained.
    """
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
