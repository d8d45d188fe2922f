"""SR above LR's Nyquist frequency: sharpness, and the grid of PixelShuffle."""

import cv2
import numpy as np

Square = tuple[slice, slice]


def largest_square(mask: np.ndarray) -> Square:
    """Return rows and columns of the largest square inside a mask, bool [H, W]; empty if none.

    If there are several, it is the topmost, then the leftmost.
    """
    sums = cv2.integral(mask.view(np.uint8))
    low, high = 0, min(mask.shape)  # a square of side `low` fits, one above `high` does not
    while low < high:
        side = (low + high + 1) // 2
        low, high = (side, high) if _full(sums, side).any() else (low, side - 1)
    top, left = np.unravel_index(np.argmax(_full(sums, low)), _full(sums, low).shape)
    return slice(int(top), int(top) + low), slice(int(left), int(left) + low)


def spectrum(image: np.ndarray, square: Square) -> np.ndarray:
    """Power of the green channel in a square: mean removed, Hann window, float64 [N, N].

    Args:
        image: RGB [H, W, 3], values in 0..255.
        square: rows and columns, N of each: see `largest_square`.
    """
    green = image[(*square, 1)].astype(np.float64)
    if not green.size:
        return green
    hann = np.hanning(len(green))
    return np.abs(np.fft.fft2((green - green.mean()) * hann[:, None] * hann)) ** 2


def band_energy(hr: np.ndarray, sr: np.ndarray, scale: int) -> float:
    """Power of SR over that of HR between LR's Nyquist frequency and twice it.

    Frequencies, by distance from zero, from 0.5 / scale (inclusive) to 1 / scale (exclusive) cycles
    per pixel. Below 1: blurred; near 1: as sharp as HR; above 1: noise or invented texture.

    Args:
        hr: power spectrum of HR [N, N], by `spectrum`.
        sr: power spectrum of SR.
        scale: the upscaling factor.

    Returns:
        The ratio; NaN where the square is smaller than 16 LR pixels or HR has no such power.
    """
    if not _large_enough(hr, sr, scale):
        return np.nan
    frequency = np.fft.fftfreq(len(hr))
    distance = np.hypot(frequency[:, None], frequency)
    band = (distance >= 0.5 / scale) & (distance < 1 / scale)
    return _ratio(sr[band].sum(), hr[band].sum())


def grid_energy(hr: np.ndarray, sr: np.ndarray, scale: int) -> float:
    """Peak at the frequencies of PixelShuffle's grid, SR over HR: above 1, a checkerboard.

    The lines within one bin of either axis are summed to one line. The multiples of 1 / scale
    cycles per pixel, up to a half, each give a quotient. It is the largest of three bins, divided
    by the mean of the 12 bins 3 to 8 to either side. The largest quotient is the peak of SR, or of
    HR.

    Args:
        hr: power spectrum of HR [N, N], by `spectrum`.
        sr: power spectrum of SR.
        scale: the upscaling factor.

    Returns:
        The ratio; NaN where the square is smaller than 16 LR pixels or HR is flat.
    """
    if not _large_enough(hr, sr, scale):
        return np.nan
    return _ratio(_grid_peak(sr, scale), _grid_peak(hr, scale))


def _grid_peak(power: np.ndarray, scale: int) -> float:
    line = power[:, [-1, 0, 1]].sum(axis=1) + power[[-1, 0, 1]].sum(axis=0)
    peaks = []
    for k in range(1, scale // 2 + 1):
        near = np.roll(line, -round(len(line) * k / scale))  # the grid's frequency at bin 0
        sides = np.concatenate([near[3:9], near[-8:-2]])
        peaks.append(_ratio(near[[-1, 0, 1]].max(), sides.mean()))
    return max(peaks)


def _full(sums: np.ndarray, side: int) -> np.ndarray:
    """Find the squares of a side wholly inside; `sums` is the mask's integral image."""
    height, width = (length - side for length in sums.shape)
    inside = sums[side:, side:] - sums[:height, side:] - sums[side:, :width] + sums[:height, :width]
    return inside == side**2


def _large_enough(hr: np.ndarray, sr: np.ndarray, scale: int) -> bool:
    if hr.shape != sr.shape:
        raise ValueError(f"spectra must have one size, not {hr.shape} and {sr.shape}")
    return len(hr) >= 16 * scale


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b > 0 else np.nan
