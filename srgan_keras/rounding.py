"""How values become 8 bit."""

import numpy as np


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Round float grey levels to uint8: halves up, as OpenCV and MATLAB do, clipped to 0..255.

    Three places round halves to even instead. `inference.upscaler` and the graph of a SavedModel
    (`export.saved_model`) must agree with each other. `data.pairs.coloured` keeps the rule by which
    the pretrained models were trained.
    """
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def eight_bit(image: np.ndarray) -> np.ndarray:
    """Return uint8 as it is, and uint16 divided by 257, halves up."""
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
