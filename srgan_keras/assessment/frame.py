"""Faults of the light, measured in a photograph scaled to a few hundred px: see docs/assess.md.

All fields are of the natural logarithm of the grey levels, where a change of the light is a sum.
"""

import cv2
import numpy as np
from skimage.filters import sato

from srgan_keras.data.fov import scale_to_long_side

SIDE, VESSEL_SIDE = 256, 512
"""px; long sides of the field of view at which light and vessels are measured."""

_SECTORS = 16
_FEWEST = 15  # px in a sector of a ring
_OFFSET = 2.0  # grey levels; noise in the dark counts for little


class Frame:
    """A photograph cropped to its field of view, reduced to `SIDE` px.

    Args:
        image: uint8 RGB [H, W, 3].
        mask: the field of view, bool [H, W].
    """

    def __init__(self, image: np.ndarray, mask: np.ndarray) -> None:
        self.levels, self.inside, self._log, weight = _reduced(image, mask, SIDE, 7)
        self._weight = weight
        height, width = weight.shape
        self._side = max(height, width)
        v, u = np.mgrid[:height, :width].astype(np.float32)
        self._u = (u - width / 2) / (self._side / 2)
        self._v = (v - height / 2) / (self._side / 2)
        self._smooth = [self._blur(self._log[..., i], self._side / 20) for i in range(3)]

    def contrast(self, percentile: float) -> float:
        """Return local contrast, a percentile over the field of view, as a share of the light.

        With g = ln(green + 2), the local deviation is sqrt(G12 * (g - G40 * g)^2). G40 and G12 are
        Gaussian means over the field of view, of the side / 40 and / 12. Vessels make most of it.

        E. Peli, "Contrast in complex images", Journal of the Optical Society of America A 7(10),
        1990.
        """
        green = self._log[..., 1]
        detail = (green - self._blur(green, self._side / 40)) * self._weight
        local = np.sqrt(self._blur(detail**2, self._side / 12))
        return float(np.percentile(local[self.inside], percentile))

    def dark_level(self) -> float:
        """Return the median of the smallest channel's local mean, in grey levels.

        A veil adds light to all channels, so none stays dark. K. He, J. Sun, X. Tang, "Single image
        haze removal using dark channel prior", IEEE Transactions on Pattern Analysis and Machine
        Intelligence 33(12), 2011.
        """
        smallest = self._blur(self.levels.min(axis=2), self._side / 20)
        return float(np.median(smallest[self.inside]))

    def falloff(self) -> float:
        """Return the light lost from the middle to the darkest side, as ln(middle / side).

        The surface c0 + c1 u + c2 v + c3 (u^2 + v^2) fits the smoothed ln(red + 2) by least
        squares, with (u, v) from the middle and the FOV edge at 1. The loss is |(c1, c2)| - c3.
        E. Grisan et al., "Model-based illumination correction in retinal images", ISBI 2006.
        """
        u, v = self._u[self.inside], self._v[self.inside]
        terms = np.stack([np.ones_like(u), u, v, u * u + v * v], axis=1)
        found, *_ = np.linalg.lstsq(terms, self._smooth[0][self.inside], rcond=None)
        return float(np.hypot(found[1], found[2]) - found[3])

    def shadow(self) -> float:
        """Return ln(median / first percentile) of the smoothed red + 2."""
        low, middle = np.percentile(self._smooth[0][self.inside], (1, 50))
        return float(middle - low)

    def halo(self) -> float:
        """Return the light at the FOV edge beside that further in, in the brightest of 16 sectors.

        It is ln(upper quartile beyond 0.9 radii) - ln(median between 0.62 and 0.78 radii), the mean
        over red and green. It is -1 where the field of view shows no such edge.
        """
        radius = np.hypot(self._u, self._v)
        turn = (np.arctan2(self._v, self._u) + np.pi) / (2 * np.pi)
        sector = (turn * _SECTORS).astype(int) % _SECTORS
        rings = [self.inside & (radius > 0.9), self.inside & (radius > 0.62) & (radius < 0.78)]
        gains = []
        for i in range(_SECTORS):
            edge, further_in = (self._log[ring & (sector == i)] for ring in rings)
            if min(len(edge), len(further_in)) >= _FEWEST:
                gain = np.percentile(edge, 75, axis=0) - np.median(further_in, axis=0)
                gains.append(gain[:2])
        return float(np.max(gains, axis=0).mean()) if gains else -1.0

    def colour(self) -> tuple[float, float]:
        """Return the medians of ln(red / green) and ln(green / blue), each level + 2."""
        red, green, blue = (self._log[..., i][self.inside] for i in range(3))
        return float(np.median(red - green)), float(np.median(green - blue))

    def _blur(self, values: np.ndarray, sigma: float) -> np.ndarray:
        return _blur(values, self._weight, sigma)


def vessels(image: np.ndarray, mask: np.ndarray) -> float:
    """Return how much darker the plainest vessels are than the retina, as a share of the light.

    The 99th percentile of Sato's filter for dark ridges of 1.5 and 2.5 px, on ln(green + 2) at
    `VESSEL_SIDE` px: see `metrics.agreement.agreement_vessels`.
    """
    _, inside, log, _ = _reduced(image, mask, VESSEL_SIDE, 21)
    ridges = sato(log[..., 1], sigmas=(1.5, 2.5), black_ridges=True)
    return float(np.percentile(ridges[inside], 99))


def dust(image: np.ndarray, mask: np.ndarray) -> float:
    """Return the darkest round spot that red and green share, as a share of the light.

    The spot's darkness is the smaller eigenvalue of the Hessian of ln(level + 2), smoothed by
    sigma, times sigma^2; sigma is 0.03 radii. Vessels have no second large eigenvalue, and are
    faint in red. T. Lindeberg, "Feature detection with automatic scale selection", International
    Journal of Computer Vision 30(2), 1998.
    """
    _, inside, log, weight = _reduced(image, mask, VESSEL_SIDE, 21)
    sigma = 0.03 * max(weight.shape) / 2
    spots = []
    for channel in (log[..., 0], log[..., 1]):
        smooth = _blur(channel, weight, sigma)
        xx, yy, xy = (
            cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) * (sigma**2 / 4)
            for order in ((2, 0), (0, 2), (1, 1))
        )
        spots.append((xx + yy) / 2 - np.hypot((xx - yy) / 2, xy))
    reach = 2 * int(2 * sigma) + 1
    away = cv2.erode(inside.astype(np.uint8), np.ones((reach, reach), np.uint8), **_OUTSIDE) > 0
    return float(np.minimum(*spots)[away].max()) if away.any() else 0.0


_OUTSIDE = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}


def _reduced(
    image: np.ndarray, mask: np.ndarray, side: int, erosion: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return levels, the eroded mask, the logarithms, and the mask as weights."""
    small, inside = scale_to_long_side(image, mask, side)
    square = np.ones((erosion, erosion), np.uint8)
    inside = cv2.erode(inside.astype(np.uint8), square, **_OUTSIDE) > 0
    levels = small.astype(np.float32)
    return levels, inside, np.log(levels + _OFFSET), inside.astype(np.float32)


def _blur(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Return the Gaussian mean over the field of view."""
    total = cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-6
    return cv2.GaussianBlur(values * weight, (0, 0), sigma) / total
