"""Image quality on 8-bit RGB photographs, in NumPy and OpenCV.

Images are [H, W, 3] (or [H, W]) with values in 0..255. Masks are bool [H, W]. A value is inf where
two images are identical (PSNR) and NaN where there is nothing to measure (an empty mask).
"""

import cv2
import numpy as np

WINDOW = 11  # px, side of SSIM's window
_SIGMA = 1.5  # px
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_STRIP = 128  # rows at a time: what the filters touch stays in the cache
_BRIGHT = 127  # grey level


def psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all channels, Eq. (12) with MAX = 255.

    10 log10(255^2 / MSE); inf for identical images, NaN for an empty mask.
    """
    _check(a, b, mask)
    pixels = a.shape[0] * a.shape[1] if mask is None else np.count_nonzero(mask)
    if pixels == 0:
        return np.nan
    inside = None if mask is None else mask.view(np.uint8)
    squares = cv2.norm(a, b, cv2.NORM_L2SQR, inside)
    values = pixels * (a.shape[2] if a.ndim == 3 else 1)
    return float(10 * np.log10(255**2 * values / squares)) if squares else np.inf


def ssim(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity, Eq. (11) with Wang's settings: equal to tf.image.ssim.

    Gaussian window of 11x11 px with sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, mean
    over the windows that lie wholly in the image and in the mask, and over the channels.
    NaN where there is no such window.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13(4), 2004.
    """
    _check(a, b, mask)
    return mean_inside(ssim_map(a, b), mask)


def ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the SSIM of every window, mean over channels: float32 [H - 10, W - 10]."""
    height, width = (max(0, side - WINDOW + 1) for side in a.shape[:2])
    similarity = np.empty((height, width), np.float32)
    if width:
        for top in range(0, height, _STRIP):
            rows = slice(top, top + _STRIP + WINDOW - 1)
            similarity[top : top + _STRIP] = _ssim_strip(a[rows], b[rows])
    return similarity


def mean_inside(similarity: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean of `ssim_map` over the windows wholly inside the mask [H, W]; NaN without any."""
    if mask is not None and similarity.size:
        square = np.ones((WINDOW, WINDOW), np.uint8)
        whole = cv2.erode(mask.view(np.uint8), square) > 0
        edge = WINDOW // 2
        similarity = similarity[whole[edge:-edge, edge:-edge]]
    return float(similarity.mean(dtype=np.float64)) if similarity.size else np.nan


def bright_agreement(hr: np.ndarray, sr: np.ndarray) -> dict[str, float]:
    """Agreement of the bright pixels: what the paper calls precision, recall and F1.

    Grey > 127 of HR is the truth, grey > 127 of SR the prediction; a quotient of zero by zero
    counts as 1. Grey as in the author's notebook: OpenCV's BGR weights on RGB arrays, so
    0.114 R + 0.587 G + 0.299 B. No lesion is involved: these are mostly pixels of the optic disc.

    Args:
        hr: uint8 RGB [H, W, 3].
        sr: uint8 RGB [H, W, 3].

    Returns:
        bright_precision, bright_recall, bright_f1, in 0..1.
    """
    _check(hr, sr, None)
    truth = cv2.cvtColor(hr, cv2.COLOR_BGR2GRAY) > _BRIGHT
    found = cv2.cvtColor(sr, cv2.COLOR_BGR2GRAY) > _BRIGHT
    hits, bright, guessed = (int(np.count_nonzero(m)) for m in (truth & found, truth, found))
    return {
        "bright_precision": hits / guessed if guessed else 1.0,
        "bright_recall": hits / bright if bright else 1.0,
        "bright_f1": 2 * hits / (bright + guessed) if bright + guessed else 1.0,
    }


def _ssim_strip(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the SSIM of the windows of a strip [h, W, C]: float32 [h - 10, W - 10].

    From the sum s and the difference d of the images, of which four filtered pictures are enough:
    4 a b = s^2 - d^2 and 2 (a^2 + b^2) = s^2 + d^2 hold for means and (co)variances alike. Rounding
    errors of the variance of s nearly cancel in the quotient, so that float32 is precise enough.
    """
    total = cv2.add(a, b, dtype=cv2.CV_32F) - 255  # centred: smaller squares
    difference = cv2.subtract(a, b, dtype=cv2.CV_32F)
    mean_s, mean_d = _blur(total), _blur(difference)
    var_s, var_d = _blur(total * total) - mean_s**2, _blur(difference * difference) - mean_d**2
    mean_s += 255
    square_s, square_d = mean_s * mean_s, mean_d * mean_d
    similarity = (square_s - square_d + 2 * _C1) * (var_s - var_d + 2 * _C2)
    similarity /= (square_s + square_d + 2 * _C1) * (var_s + var_d + 2 * _C2)
    if similarity.ndim == 2:
        return similarity
    return sum(cv2.split(similarity)) / similarity.shape[2]


def _blur(image: np.ndarray) -> np.ndarray:
    line = cv2.getGaussianKernel(WINDOW, _SIGMA, cv2.CV_32F)
    edge = WINDOW // 2
    return cv2.sepFilter2D(image, cv2.CV_32F, line, line)[edge:-edge, edge:-edge]


def _check(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> None:
    if a.shape != b.shape or (mask is not None and mask.shape != a.shape[:2]):
        shapes = [x.shape for x in (a, b, mask) if x is not None]
        raise ValueError(f"images and mask must have one size, not {shapes}")
