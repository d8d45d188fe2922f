"""The photographs that a benchmark takes of a dataset, and how it writes its PNG files."""

from collections.abc import Callable

import cv2
import numpy as np

from srgan_keras.data import datasets

LEVEL_1 = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def chosen(spec: str, count: int, suits: Callable[[np.ndarray], bool]) -> list[np.ndarray]:
    """Return the first photographs of a dataset that suit, uint8 RGB [H, W, 3]."""
    found = []
    for photograph in datasets.find(spec):
        image = photograph.read()
        if suits(image):
            found.append(image)
        if len(found) == count:
            break
    return found
