"""LR and HR of a paired dataset: registered, and cropped to what both show.

A pair whose LR has exactly 1 / scale of HR's size, and whose content lies in the same place, stays
as it is. Otherwise a homography lays LR onto HR's frame at 1 / scale of its size. Both become black
where only one of them shows the eye.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from srgan_keras.data.fov import FOV_MASK_VERSION, fov_mask
from srgan_keras.data.registration import (
    SMALLEST_OVERLAP,
    WeakRegistration,
    distance,
    magnification,
    refine,
    register,
    scaling,
    warp,
)

SCALES = (1, 2, 4, 8)
SAME_PLACE = 0.5
"""LR px: a smaller shift leaves LR as it is, because interpolation would blur it."""
_FARTHEST = 0.1  # of the long side, that a pair of fitting sizes moves without matched features
_SURE = 0.5  # correlation at which a refinement needs no matched features
_LIKELY = 0.3  # the same of one that finds next to no shift


@dataclass(frozen=True)
class AlignedPair:
    """Two photographs of the same place.

    Attributes:
        hr: uint8 RGB [s h, s w, 3].
        lr: uint8 RGB [h, w, 3].
        mask: field of view that both show, bool [s h, s w].
        scale: s.
    """

    hr: np.ndarray
    lr: np.ndarray
    mask: np.ndarray
    scale: int

    def cropped(self) -> "AlignedPair":
        """Crop to the box of the mask, on whole LR pixels; an empty mask crops nothing."""
        small = self._small_mask()
        left, top, width, height = cv2.boundingRect(small)
        if not width:
            return self
        s = self.scale
        box = slice(top, top + height), slice(left, left + width)
        large = tuple(slice(s * side.start, s * side.stop) for side in box)
        return AlignedPair(self.hr[large], self.lr[box], self.mask[large], s)

    def scaled(self, long_side: int) -> "AlignedPair":
        """Scale both down by INTER_AREA until HR has at most a long side in px; 0 keeps sizes."""
        height, width = self.lr.shape[:2]
        factor = long_side / (self.scale * max(height, width))
        if long_side == 0 or factor >= 1:
            return self
        size = tuple(max(1, round(factor * side)) for side in (width, height))
        large = tuple(self.scale * side for side in size)
        return AlignedPair(
            cv2.resize(self.hr, large, interpolation=cv2.INTER_AREA),
            cv2.resize(self.lr, size, interpolation=cv2.INTER_AREA),
            cv2.resize(self.mask.view(np.uint8), large, interpolation=cv2.INTER_NEAREST) > 0,
            self.scale,
        )

    def _small_mask(self) -> np.ndarray:
        """Return the LR pixels that the mask touches, uint8 [h, w]."""
        height, width = self.lr.shape[:2]
        blocks = self.mask.reshape(height, self.scale, width, self.scale)
        return blocks.any(axis=(1, 3)).astype(np.uint8)


def align(
    lr: np.ndarray, hr: np.ndarray, scale: int, fov_mask_version: int = FOV_MASK_VERSION
) -> AlignedPair:
    """Align LR with HR.

    Args:
        lr: uint8 RGB [h, w, 3], of any size.
        hr: uint8 RGB [H, W, 3]. It is cut, on the right and below, to a multiple of the scale.
        scale: HR side over LR side of the result.
        fov_mask_version: of `fov.fov_mask`.

    Raises:
        WeakRegistration: LR and HR do not show the same eye, or show too little in common, or
            their sizes belong to another scale.
    """
    height, width = (side // scale for side in hr.shape[:2])
    if not height * width:
        raise WeakRegistration(f"HR is smaller than one pixel of LR at scale {scale}")
    homography = _homography(lr, hr)
    _check_scale(magnification(homography, lr.shape), scale)
    hr = hr[: scale * height, : scale * width]
    mask = fov_mask(hr, fov_mask_version)
    if (homography == scaling(scale)).all():
        return AlignedPair(hr, lr, mask, scale)
    placed = scaling(1 / scale) @ homography
    shown = warp(fov_mask(lr, fov_mask_version), placed, (height, width))
    # the kernel reaches two pixels over the edge of LR's frame
    shown &= warp(_without_edge(lr.shape, 2), placed, (height, width))
    both = shown & mask.reshape(height, scale, width, scale).all(axis=(1, 3))
    large = both.repeat(scale, 0).repeat(scale, 1)
    share = np.count_nonzero(large) / max(1, np.count_nonzero(mask))
    if share < SMALLEST_OVERLAP:
        raise WeakRegistration(
            f"LR shows {share:.0%} of HR's field of view, {SMALLEST_OVERLAP:.0%} needed"
        )
    lr = cv2.warpPerspective(lr, placed, (width, height), flags=cv2.INTER_CUBIC)
    return AlignedPair(hr * large[..., np.newaxis], lr * both[..., np.newaxis], large, scale)


def _homography(lr: np.ndarray, hr: np.ndarray) -> np.ndarray:
    """Return the homography from pixels of LR to those of HR; `scaling` where LR fits as it is."""
    found = None
    sizes = {s: tuple(side // s for side in hr.shape[:2]) for s in SCALES}
    for scale in (s for s, size in sizes.items() if size == lr.shape[:2]):
        place = scaling(scale)
        found = refine(lr, hr, place, _FARTHEST)
        likely = found and found.correlation >= _LIKELY
        if likely and distance(found.homography, place, lr.shape) <= SAME_PLACE * scale:
            return place
    try:
        return register(lr, hr).homography
    except WeakRegistration:
        if not found or found.correlation < _SURE:
            raise
        # once more, now that what both show is known
        return (refine(lr, hr, found.homography) or found).homography


def _check_scale(ratio: float, scale: int) -> None:
    nearest = min(SCALES, key=lambda known: abs(np.log(ratio / known)))
    if nearest != scale:
        raise WeakRegistration(
            f"HR is {ratio:.3g} times as large as LR, which is scale {nearest}, not {scale}: set "
            f"the scale to {nearest}"
        )


def _without_edge(shape: tuple[int, ...], width: int) -> np.ndarray:
    """Return a frame [h, w] without its edge of some px, bool."""
    inside = np.zeros(shape[:2], bool)
    inside[width:-width, width:-width] = True
    return inside
