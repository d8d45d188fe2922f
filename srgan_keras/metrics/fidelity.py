"""PSNR, SSIM and MS-SSIM, and the luma that they are also measured on.

Images are [H, W, 3] (or [H, W]) with values in 0..255. Masks are bool [H, W]. A value is inf where
two images are identical (PSNR) and NaN where there is nothing to measure (an empty mask).
"""

import cv2
import numpy as np

WINDOW = 11  # px, side of SSIM's window
_SIGMA = 1.5  # px
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_STRIP = 128  # rows at a time: what the filters touch stays in the cache
_MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of scales 1, 1/2, ..., 1/16
MS_SIDE = 176  # px; 1/16 of it is a window


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

    Gaussian window of 11x11 px with sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance. The
    mean is over the windows wholly inside image and mask, and over the channels. NaN without such
    a window.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13(4), 2004.
    """
    _check(a, b, mask)
    return mean_inside(ssim_maps(a, b)[0], mask)


def ssim_maps(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return SSIM, and its contrast-structure factor, of every window and channel.

    Both float32 [H - 10, W - 10] or [H - 10, W - 10, C].
    """
    height, width = (max(0, side - WINDOW + 1) for side in a.shape[:2])
    similarity = np.empty((height, width, *a.shape[2:]), np.float32)
    contrast = np.empty_like(similarity)
    if width:
        for top in range(0, height, _STRIP):
            rows = slice(top, top + _STRIP + WINDOW - 1)
            strip = slice(top, top + _STRIP)
            similarity[strip], contrast[strip] = _strip_maps(a[rows], b[rows])
    return similarity, contrast


def mean_inside(similarity: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean of `ssim_maps` over the windows wholly inside the mask [H, W]; NaN without any."""
    if not similarity.size:
        return np.nan
    whole = None
    if mask is not None:
        square = np.ones((WINDOW, WINDOW), np.uint8)
        edge = WINDOW // 2
        whole = cv2.erode(mask.view(np.uint8), square)[edge:-edge, edge:-edge]
        if not whole.any():
            return np.nan
    return float(_means(similarity, whole).mean())


def ms_ssim(a: np.ndarray, b: np.ndarray, contrast: np.ndarray | None = None) -> float:
    """Multi-scale structural similarity: equal to tf.image.ssim_multiscale.

    SSIM's windows are at five scales, each the 2x2 mean of the one before; an odd side repeats its
    last line. The value is the product of the contrast-structure means, and of the mean SSIM at the
    last scale, with Wang's exponents. Negative means count as 0. The mean is over channels. NaN if
    a side is smaller than `MS_SIDE`. `contrast` is that of `ssim_maps(a, b)`, if already computed.

    Z. Wang et al., "Multi-scale structural similarity for image quality assessment", Asilomar
    Conference on Signals, Systems and Computers, 2003.
    """
    _check(a, b, None)
    if min(a.shape[:2]) < MS_SIDE:
        return np.nan
    product = 1.0
    for level, weight in enumerate(_MS_WEIGHTS):
        if level:
            a, b = _halved(a), _halved(b)
        if level or contrast is None:
            similarity, contrast = ssim_maps(a, b)
        last = level == len(_MS_WEIGHTS) - 1
        product *= np.maximum(_means(similarity if last else contrast), 0) ** weight
    return float(np.mean(product))


def luma(image: np.ndarray) -> np.ndarray:
    """Y of ITU-R BT.601 in studio swing: RGB [H, W, 3] in 0..255 -> float32 [H, W] in 16..235.

    Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255; MATLAB's rgb2ycbcr rounds it, we do not.
    """
    weights = np.array([[65.481, 128.553, 24.966, 16 * 255]], np.float32) / 255
    return cv2.transform(image.astype(np.float32), weights)


def _means(values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Mean of each channel [C] in float64, over a mask uint8 [H, W]."""
    channels = values.shape[2] if values.ndim == 3 else 1
    return np.array(cv2.mean(values, mask)[:channels])


def _halved(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    even = cv2.copyMakeBorder(
        image.astype(np.float32, copy=False), 0, height % 2, 0, width % 2, cv2.BORDER_REFLECT
    )
    half = ((width + 1) // 2, (height + 1) // 2)
    return cv2.resize(even, half, interpolation=cv2.INTER_AREA)


def _strip_maps(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return SSIM and contrast-structure of the windows of a strip [h, W] or [h, W, C].

    The sum s and the difference d of the images need only four filtered pictures. The identities
    4 a b = s^2 - d^2 and 2 (a^2 + b^2) = s^2 + d^2 hold for means and (co)variances alike. Rounding
    errors of the variance of s nearly cancel in the quotient, so float32 is precise enough.
    """
    total = cv2.add(a, b, dtype=cv2.CV_32F) - 255  # centred: smaller squares
    difference = cv2.subtract(a, b, dtype=cv2.CV_32F)
    mean_s, mean_d = _blur(total), _blur(difference)
    var_s, var_d = _blur(total * total) - mean_s**2, _blur(difference * difference) - mean_d**2
    mean_s += 255
    square_s, square_d = mean_s * mean_s, mean_d * mean_d
    contrast = (var_s - var_d + 2 * _C2) / (var_s + var_d + 2 * _C2)
    luminance = (square_s - square_d + 2 * _C1) / (square_s + square_d + 2 * _C1)
    return luminance * contrast, contrast


def _blur(image: np.ndarray) -> np.ndarray:
    line = cv2.getGaussianKernel(WINDOW, _SIGMA, cv2.CV_32F)
    edge = WINDOW // 2
    return cv2.sepFilter2D(image, cv2.CV_32F, line, line)[edge:-edge, edge:-edge]


def _check(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> None:
    if a.shape != b.shape or (mask is not None and mask.shape != a.shape[:2]):
        shapes = [x.shape for x in (a, b, mask) if x is not None]
        raise ValueError(f"images and mask must have one size, not {shapes}")
