"""Registration of two photographs of the same eye by a homography, or the reason why it fails."""

from typing import NamedTuple

import cv2
import numpy as np

from srgan_keras.data.fov import fov_mask
from srgan_keras.metrics.agreement import SIGMA, field_of_view, normalise

FEWEST_INLIERS = 25
SMALLEST_OVERLAP = 0.25
_SIDE = 1536  # px, largest long side at which features are found
_RATIO = 0.8  # of the distances to the best and the second-best match: Lowe 2004
_TOLERANCE = 3.0  # px at `_SIDE`
_REFINED_SIDE = 1024  # px, largest long side at which a homography is refined
_LOCAL = 60  # long sides over the Gaussian of the normalisation there
_CORRECTION = 0.02  # of the long side: a refinement of features that moves further is astray
_EDGE = 0.02  # of the long side, left out along the edge of the field of view


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
    """Find the homography from matched SIFT features by MAGSAC, then `refine` it.

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
    found = refine(poor, reference, homography)
    return Registration(found.homography if found else homography, inliers)


class Refinement(NamedTuple):
    """A homography as in `Registration`, and how well the photographs then correlate, up to 1."""

    homography: np.ndarray
    correlation: float


def refine(
    poor: np.ndarray, reference: np.ndarray, start: np.ndarray, farthest: float = _CORRECTION
) -> Refinement | None:
    """Improve a homography until the locally normalised green channels correlate best.

    G. D. Evangelidis and E. Z. Psarakis, "Parametric image alignment using enhanced correlation
    coefficient maximization", IEEE Transactions on Pattern Analysis and Machine Intelligence
    30(10), 2008.

    Args:
        poor: uint8 RGB [h, w, 3].
        reference: uint8 RGB [H, W, 3], of any other size.
        start: from pixels of `poor` to those of `reference`, right to a few pixels.
        farthest: how far the middle of the frame may move, as a share of the long side.

    Returns:
        None where the search does not converge, or ends further from where it began.
    """
    long_side = max(reference.shape[:2])
    ratio = magnification(start, poor.shape)
    factor = min(1, _REFINED_SIDE / long_side, 1 / ratio)
    scalings = scaling(factor * ratio), scaling(factor)
    images = [
        cv2.resize(image, None, fx=f, fy=f, interpolation=cv2.INTER_AREA)
        for image, f in ((poor, factor * ratio), (reference, factor))
    ]
    back = scalings[0] @ np.linalg.inv(start) @ np.linalg.inv(scalings[1])
    back = (back / back[2, 2]).astype(np.float32)
    both = warp(fov_mask(images[1]), back, images[0].shape) & fov_mask(images[0])
    masks = both, warp(both, np.linalg.inv(back), images[1].shape)
    moving, fixed = (_detail(*pair) for pair in zip(images, masks, strict=True))
    reach = 2 * round(_EDGE * max(both.shape)) + 1
    inside = cv2.erode(both.astype(np.uint8), np.ones((reach, reach), np.uint8), borderValue=0)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
    try:
        correlation, back = cv2.findTransformECC(
            fixed, moving, back, cv2.MOTION_HOMOGRAPHY, stop, inside, 5
        )
    except cv2.error:  # nothing to follow, or it has left the frame
        return None
    found = np.linalg.inv(scalings[1]) @ np.linalg.inv(back.astype(float)) @ scalings[0]
    if not np.isfinite(found).all() or correlation <= 0:
        return None
    if distance(found, start, poor.shape) > farthest * long_side:
        return None
    return Refinement(found / found[2, 2], float(correlation))


def scaling(factor: float) -> np.ndarray:
    """Return the homography from a frame to the same frame at `factor` times its size."""
    return np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])


def magnification(homography: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return the length of a pixel of a frame [h, w, ...], in its middle, on the other frame."""
    depth = homography[2] @ (shape[1] / 2, shape[0] / 2, 1)
    return float(np.sqrt(abs(np.linalg.det(homography) / depth**3)))


def distance(a: np.ndarray, b: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return how far apart two homographies lay a frame [h, w, ...], at most, in px.

    A grid over the middle half of the frame is compared, where every photograph shows the retina.
    """
    lines = np.linspace(0.25, 0.75, 5)
    points = np.stack(np.meshgrid(lines * shape[1], lines * shape[0]), -1).reshape(1, -1, 2)
    places = [cv2.perspectiveTransform(points, matrix) for matrix in (a, b)]
    return float(np.linalg.norm(places[0] - places[1], axis=-1).max())


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


def _detail(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the locally normalised green channel without noise and outliers, float32 [H, W]."""
    green = cv2.GaussianBlur(image[..., 1].astype(np.float32), (0, 0), 1)
    return np.clip(normalise(green, mask, max(mask.shape) / _LOCAL), -4, 4)


def _check(homography: np.ndarray, shape: tuple[int, ...]) -> None:
    """Reject what folds the frame, or changes its scale by more than twice from end to end."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float)
    depth = corners @ homography[2]
    # area scale at a point: det(H) / depth^3, of one sign where the frame is not folded
    area = np.linalg.det(homography) / depth**3
    if min(depth) <= 0 or min(area) <= 0 or max(area) > 4 * min(area):
        raise WeakRegistration("the homography found distorts the frame beyond what a camera does")
