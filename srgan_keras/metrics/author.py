"""Agreement of bright pixels, which the paper calls precision, recall and F1."""

import cv2
import numpy as np

_BRIGHT = 127  # grey level


def bright_agreement(hr: np.ndarray, sr: np.ndarray) -> dict[str, float]:
    """Compute the agreement of bright pixels, the paper's precision, recall and F1.

    Grey > 127 of HR is the truth, grey > 127 of SR the prediction; a quotient of zero by zero
    counts as 1. Grey as in the author's notebook: OpenCV's BGR weights on RGB arrays, so
    0.114 R + 0.587 G + 0.299 B. No lesion is involved: these are mostly pixels of the optic disc.

    Args:
        hr: uint8 RGB [H, W, 3].
        sr: uint8 RGB [H, W, 3].

    Returns:
        bright_precision, bright_recall, bright_f1, in 0..1.
    """
    if hr.shape != sr.shape:
        raise ValueError(f"images must have one size, not {hr.shape} and {sr.shape}")
    truth = cv2.cvtColor(hr, cv2.COLOR_BGR2GRAY) > _BRIGHT
    found = cv2.cvtColor(sr, cv2.COLOR_BGR2GRAY) > _BRIGHT
    hits, bright, guessed = (int(np.count_nonzero(m)) for m in (truth & found, truth, found))
    return {
        "bright_precision": hits / guessed if guessed else 1.0,
        "bright_recall": hits / bright if bright else 1.0,
        "bright_f1": 2 * hits / (bright + guessed) if bright + guessed else 1.0,
    }
