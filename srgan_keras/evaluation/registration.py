"""Registration of two photographs of the same eye by a homography, or the reason why it fails."""

from typing import NamedTuple

import cv2
import numpy as np

from srgan_keras.metrics.agreement import SIGMA, field_of_view, normalise

FEWEST_INLIERS = 25
SMALLEST_OVERLAP = 0.25
_SIDE = 1536  # px, largest long side at which features are found
_RATIO = 0.8  # of the distances to the best and the second-best match: Lowe 2004
_TOLERANCE = 3.0  # px at `_SIDE`


class WeakRegistration(Exception):
    """Why two photographs cannot be compared, in words for the reader of a result."""


class Registration(NamedTuple):
    """How a poor photograph lies on its reference.

    Attributes:
        homography: float64 [3, 3], pixels (x, y, 1) of the poor photograph -> of the reference.
        inliers: matched features that agree with it; None where it was given.
    """

    homography: np.ndarray
    inliers: int | None = None


def register(poor: np.ndarray, reference: np.ndarray) -> Registration:
    """Find the homography from matched SIFT features by MAGSAC.

    Features are found on the locally normalised green channel, at a long side of at most 1536 px.

    D. Barath et al., "MAGSAC++, a fast, reliable and accurate robust estimator", CVPR 2020.

    Args:
        poor: uint8 RGB [h, w, 3].
        reference: uint8 RGB [H, W, 3], of any other size.

    Raises:
        WeakRegistration: fewer than `FEWEST_INLIERS` features agree, or the homography folds or
            distorts the frame as no two photographs of an eye differ.
    """
    (points, descriptors), (points_to, descriptors_to) = _features(poor), _features(reference)
    if min(len(points), len(points_to)) < FEWEST_INLIERS:
        raise WeakRegistration(
            f"{len(points)} and {len(points_to)} features found, {FEWEST_INLIERS} of each needed"
        )
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors, descriptors_to, k=2)
    good = [first for first, second in pairs if first.distance < _RATIO * second.distance]
    inliers, homography = 0, None
    if len(good) >= FEWEST_INLIERS:
        homography, agree = cv2.findHomography(
            points[[match.queryIdx for match in good]],
            points_to[[match.trainIdx for match in good]],
            cv2.USAC_MAGSAC,
            _TOLERANCE * max(1, max(reference.shape[:2]) / _SIDE),
            maxIters=10000,
            confidence=0.9999,
        )
        inliers = int(agree.sum()) if homography is not None else 0
    if inliers < FEWEST_INLIERS:
        raise WeakRegistration(
            f"{inliers} matched features agree with one homography, {FEWEST_INLIERS} needed"
        )
    _check(homography, poor.shape)
    return Registration(homography, inliers)


def warp(image: np.ndarray, homography: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Lay an image on the frame of a reference; black where it shows nothing.

    Args:
        image: uint8 [h, w, 3], or a mask, bool [h, w].
        homography: float [3, 3], from its pixels to the reference's.
        shape: of the reference, [H, W, ...].

    Returns:
        An image interpolated linearly, or a mask by the nearest pixel, [H, W, ...].
    """
    size = shape[1], shape[0]
    if image.dtype == bool:
        flat = image.astype(np.uint8)
        return cv2.warpPerspective(flat, homography, size, flags=cv2.INTER_NEAREST) > 0
    return cv2.warpPerspective(image, homography, size)


def overlap(poor: np.ndarray, reference: np.ndarray, homography: np.ndarray) -> np.ndarray:
    """Return what both photographs show, bool [H, W] on the frame of the reference.

    Raises:
        WeakRegistration: less than `SMALLEST_OVERLAP` of the reference's field of view.
    """
    whole = field_of_view(reference)
    both = warp(field_of_view(poor), homography, reference.shape) & whole
    share = np.count_nonzero(both) / max(1, np.count_nonzero(whole))
    if share < SMALLEST_OVERLAP:
        raise WeakRegistration(
            f"both show {share:.0%} of the reference's field of view, {SMALLEST_OVERLAP:.0%} needed"
        )
    return both


def _features(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points, float32 [N, 2] in px of the frame, and SIFT descriptors [N, 128]."""
    mask = field_of_view(image)
    factor = min(1, _SIDE / max(mask.shape))
    green, inside = (
        cv2.resize(values, None, fx=factor, fy=factor, interpolation=how)
        for values, how in (
            (image[..., 1], cv2.INTER_AREA),
            (mask.astype(np.uint8), cv2.INTER_NEAREST),
        )
    )
    detail = normalise(green, inside > 0, SIGMA)
    grey = np.clip(128 + 40 * detail, 0, 255).astype(np.uint8)
    # without enable_precise_upscale OpenCV's points lie a quarter of a pixel aside
    sift = cv2.SIFT_create(contrastThreshold=0.02, enable_precise_upscale=True)
    found, descriptors = sift.detectAndCompute(grey, inside)
    points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    return (points + 0.5) / factor - 0.5, descriptors


def _check(homography: np.ndarray, shape: tuple[int, ...]) -> None:
    """Reject what folds the frame, or changes its scale by more than twice from end to end."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float)
    depth = corners @ homography[2]
    # area scale at a point: det(H) / depth^3, of one sign where the frame is not folded
    area = np.linalg.det(homography) / depth**3
    if min(depth) <= 0 or min(area) <= 0 or max(area) > 4 * min(area):
        raise WeakRegistration("the homography found distorts the frame beyond what a camera does")
