"""The enhancement filters in common use on fundus photographs: baselines of protocol `pairs`.

Each takes and returns uint8 RGB [H, W, 3]. Their lengths in pixels suit photographs of about
1,500 px.
"""

from collections.abc import Callable

import cv2
import numpy as np

Filter = Callable[[np.ndarray], np.ndarray]


def clahe(image: np.ndarray) -> np.ndarray:
    """Equalise the local histograms of L of CIELAB: clip limit 2, 8 x 8 tiles.

    K. Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=2, tileGridSize=(8, 8)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def ben_graham(image: np.ndarray) -> np.ndarray:
    """Subtract the local mean: 4 I - 4 G(I) + 128, G a Gaussian of the long side / 60.

    B. Graham, "Kaggle diabetic retinopathy detection competition report", 2015, whose Gaussian is a
    thirtieth of the radius of the retina; here half the long side stands for the radius.
    """
    smooth = cv2.GaussianBlur(image, (0, 0), max(image.shape[:2]) / 60)
    return cv2.addWeighted(image, 4, smooth, -4, 128)


def unsharp(image: np.ndarray) -> np.ndarray:
    """Double what a Gaussian of 3 px removes: 2 I - G(I)."""
    return cv2.addWeighted(image, 2, cv2.GaussianBlur(image, (0, 0), 3), -1, 0)


def gaussian(image: np.ndarray) -> np.ndarray:
    """Smooth by a Gaussian of 1.2 px: noise goes, and the finest detail with it."""
    return cv2.GaussianBlur(image, (0, 0), 1.2)


FILTERS: dict[str, Filter] = {
    "clahe": clahe,
    "ben_graham": ben_graham,
    "unsharp": unsharp,
    "gaussian": gaussian,
}
