"""Agreement of two photographs of the same eye, where neither is the truth.

A poor photograph, enhanced or not and registered onto a good one of the same eye, agrees with it
as far as both show the same vessels. Brightness and contrast differ from one exposure to the next,
so both frames are locally normalised first. All comparisons are at half size, because registration
aligns a pair to about one pixel.

Frames are uint8 RGB [H, W, 3] of one size; masks are bool [H, W]. The smoothing lengths are fixed
in pixels, so figures of photographs of different sizes do not compare.
"""

import cv2
import numpy as np
from skimage.filters import sato

from srgan_keras.metrics.fidelity import psnr, ssim

SIGMA = 25.0
"""Px of the halved frame: what is local in brightness and contrast."""

_VESSELS = (1.5, 2.5)  # px of the halved frame
_DARKEST = 10  # grey level that the threshold of the field of view never falls below
_FLAT = 1e-3  # deviation below which a normalised frame holds rounding errors alone
_OPENING, _EROSION = (np.ones((side, side), np.uint8) for side in (9, 31))


class Reference:
    """A good photograph, made ready for comparison with any number of others.

    Args:
        image: uint8 RGB [H, W, 3].
        mask: bool [H, W], what both photographs show: see `field_of_view`.

    Attributes:
        image: the photograph at half size, uint8 RGB [H / 2, W / 2, 3].
        mask: the same of the mask.
    """

    def __init__(self, image: np.ndarray, mask: np.ndarray) -> None:
        self.image = halved(image)
        half = self.image.shape[1::-1]
        small = cv2.resize(mask.astype(np.uint8), half, interpolation=cv2.INTER_NEAREST)
        self.mask = small > 0
        self._green = normalise(self.image[..., 1], self.mask)
        self._vessels = _vessel_map(self._green, self.mask)

    def compare(self, other: np.ndarray) -> dict[str, float]:
        """Return `agreement_green`, `agreement_vessels`, `psnr` and `ssim` of a registered frame.

        `psnr` (dB) and `ssim` follow `match_levels` and cover the mask at half size, in RGB.

        Args:
            other: uint8 RGB [H, W, 3], warped onto the reference.
        """
        other = halved(other)
        green = normalise(other[..., 1], self.mask)
        matched = match_levels(self.image, other, self.mask)
        image = self.image.astype(np.float32)
        return {
            "agreement_green": _pearson(self._green, green, self.mask),
            "agreement_vessels": _pearson(self._vessels, _vessel_map(green, self.mask), self.mask),
            "psnr": psnr(image, matched, self.mask),
            "ssim": ssim(image, matched, self.mask),
        }


def agreement_green(reference: np.ndarray, other: np.ndarray, mask: np.ndarray) -> float:
    """Pearson correlation of the two locally normalised green channels, over the mask.

    Frames are halved by INTER_AREA, the mask by INTER_NEAREST, then `normalise` applies.

    Args:
        reference: the good photograph, uint8 RGB [H, W, 3].
        other: the registered poor photograph, enhanced or not, uint8 RGB [H, W, 3].
        mask: what both show, bool [H, W].

    Returns:
        -1..1; 1 for equal photographs; NaN for an empty mask or a flat frame.
    """
    return Reference(reference, mask).compare(other)["agreement_green"]


def agreement_vessels(reference: np.ndarray, other: np.ndarray, mask: np.ndarray) -> float:
    """Pearson correlation of the two vessel maps, over the mask.

    Sato's ridge filter finds dark ridges of 1.5 and 2.5 px in the locally normalised green channel
    of `agreement_green`. Its result times the mask, smoothed by a Gaussian of 1 px, is the vessel
    map.

    Y. Sato et al., "Three-dimensional multi-scale line filter for segmentation and visualization of
    curvilinear structures in medical images", Medical Image Analysis 2(2), 1998.

    Args:
        reference: the good photograph, uint8 RGB [H, W, 3].
        other: the registered poor photograph, enhanced or not, uint8 RGB [H, W, 3].
        mask: what both show, bool [H, W].

    Returns:
        -1..1; 1 for equal photographs; NaN for an empty mask or a flat frame.
    """
    return Reference(reference, mask).compare(other)["agreement_vessels"]


def field_of_view(image: np.ndarray) -> np.ndarray:
    """Return the field of view without its edge, bool [H, W], of uint8 RGB [H, W, 3].

    The largest channel, median filter of 5 px, above max(10, Otsu / 4), opened by a square of 9 px,
    eroded by one of 31 px. Narrower than `srgan_keras.data.fov.fov_mask`: the edge of the aperture
    is no anatomy, and must not raise an agreement.
    """
    grey = cv2.medianBlur(cv2.max(cv2.max(*cv2.split(image)[:2]), cv2.split(image)[2]), 5)
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright = (grey > max(_DARKEST, otsu / 4)).astype(np.uint8)
    return cv2.erode(cv2.morphologyEx(bright, cv2.MORPH_OPEN, _OPENING), _EROSION) > 0


def normalise(green: np.ndarray, mask: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """Remove local brightness and contrast.

    g is the channel, m the mask and G a Gaussian of `sigma`. Then w = G(m) + 1e-6,
    mu = G(g m) / w, d = (g - mu) m, and n = d / (sqrt(G(d^2) / w) + 1).

    Args:
        green: [H, W], grey levels in 0..255.
        mask: bool [H, W]; what lies outside counts for nothing, and becomes 0.
        sigma: px.

    Returns:
        n, float32 [H, W], about of unit variance within the mask.
    """
    inside, values = mask.astype(np.float32), green.astype(np.float32)
    weight = _blur(inside, sigma) + 1e-6
    detail = (values - _blur(values * inside, sigma) / weight) * inside
    return detail / (np.sqrt(_blur(detail * detail, sigma) / weight) + 1)


def match_levels(reference: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Give each channel of `other` the mean and the deviation of the reference's, over the mask.

    Args:
        reference: RGB [H, W, 3], grey levels in 0..255.
        other: the same.
        mask: bool [H, W].

    Returns:
        float32 [H, W, 3], neither rounded nor clipped; a flat channel becomes the reference's mean.
    """
    inside = mask.view(np.uint8)
    (mean, spread), (mean_other, spread_other) = (
        (values.ravel() for values in cv2.meanStdDev(image, mask=inside))
        for image in (reference, other)
    )
    gain = np.divide(spread, spread_other, out=np.zeros(3), where=spread_other > 0)
    return ((other - mean_other) * gain + mean).astype(np.float32)


def _vessel_map(normalised: np.ndarray, mask: np.ndarray) -> np.ndarray:
    ridges = sato(normalised, sigmas=_VESSELS, black_ridges=True) * mask
    return _blur(ridges.astype(np.float32), 1)


def _pearson(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    a, b = (x[mask].astype(np.float64) for x in (a, b))
    if not a.size or min(a.std(), b.std()) < _FLAT:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def halved(image: np.ndarray) -> np.ndarray:
    """Return a frame at the size of all comparisons, by area averaging."""
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma)
