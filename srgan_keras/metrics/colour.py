"""Colour drift: difference in colour between SR and HR, both reduced to the size of LR."""

import cv2
import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab


def colour_drift(
    hr: np.ndarray, sr: np.ndarray, scale: int, mask: np.ndarray | None = None
) -> float:
    """Mean CIEDE2000 between HR and SR, both reduced by `scale` with area averaging.

    Args:
        hr: uint8 RGB (sRGB, D65) [H, W, 3]; H and W are multiples of `scale`.
        sr: like `hr`.
        scale: the reduction, so that differences in detail have no effect.
        mask: bool [H, W]; only reduced pixels wholly inside count.

    Returns:
        0 for equal colours, about 1 for a difference that is just visible, NaN for an empty mask.

    G. Sharma et al., "The CIEDE2000 color-difference formula", Color Research & Application
    30(1), 2005.
    """
    return mean_colour(colour_map(hr, sr, scale), scale, mask)


def colour_map(hr: np.ndarray, sr: np.ndarray, scale: int) -> np.ndarray:
    """CIEDE2000 of each reduced pixel: float32 [H / scale, W / scale]; see `colour_drift`."""
    if hr.shape != sr.shape:
        raise ValueError(f"images must have one size, not {hr.shape} and {sr.shape}")
    height, width = (side // scale for side in hr.shape[:2])
    # in float, because rounding to 8 bit would hide or add half a level
    small = [
        cv2.resize(image.astype(np.float32) / 255, (width, height), interpolation=cv2.INTER_AREA)
        for image in (hr, sr)
    ]
    return deltaE_ciede2000(*(rgb2lab(image) for image in small)).astype(np.float32)


def mean_colour(difference: np.ndarray, scale: int, mask: np.ndarray | None) -> float:
    """Mean of `colour_map` over the reduced pixels wholly inside the mask [H, W]."""
    if mask is not None:
        height, width = difference.shape
        blocks = mask[: height * scale, : width * scale].reshape(height, scale, width, scale)
        difference = difference[blocks.all(axis=(1, 3))]
    return float(difference.mean(dtype=np.float64)) if difference.size else np.nan
