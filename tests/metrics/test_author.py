import numpy as np
import pytest

from srgan_keras.metrics import bright_agreement


def test_bright_agreement_by_hand():
    """Grey is 0.114 R + 0.587 G + 0.299 B: a red pixel is dark, a green one bright."""
    red, green, black = (255, 0, 0), (0, 255, 0), (0, 0, 0)
    hr = np.array([[green, green, green, green, red, black]], np.uint8)
    sr = np.array([[green, green, green, black, green, red]], np.uint8)
    assert bright_agreement(hr, sr) == pytest.approx(
        {"bright_precision": 3 / 4, "bright_recall": 3 / 4, "bright_f1": 3 / 4}
    )


def test_bright_agreement_of_nothing_is_one():
    dark, bright = np.full((2, 4, 4, 3), 127, np.uint8) + np.array([0, 1], np.uint8).reshape(
        2, 1, 1, 1
    )
    assert list(bright_agreement(dark, dark).values()) == [1, 1, 1]
    assert list(bright_agreement(dark, bright).values()) == [0, 1, 0]
    assert list(bright_agreement(bright, dark).values()) == [1, 0, 0]
