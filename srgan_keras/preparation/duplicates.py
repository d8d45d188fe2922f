"""Copies of one photograph: recompressed, resized, slightly cropped, brighter, or mirrored.

A perceptual hash proposes pairs, and a comparison of the aligned pixels confirms them. Both use the
square inside the circle of the field of view, so they do not depend on the frame or its crop. Both
use contrast relative to the surroundings, so they do not depend on the exposure. The two eyes of a
patient, and two photographs of one eye, are not copies.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, product

import cv2
import imagehash
import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from srgan_keras.data.fov import fov_mask, shrink

VIEW = 128  # px, side of the square that is hashed and compared
_SMALL = 320  # px, long side of the image in which the circle is found
BITS = 16  # along a side of the hash, imagehash.phash: 256 in all
BLOCK = 64, 4096  # hashes compared at once: they stay in the cache of the processor
# Hamming distances. Of 182 real photographs, no two different ones are nearer than 80 (96 without a
# circle). Copies are within 30 (86: cropped ones of photographs that fill their frames).
NEAR, NEAR_WITHOUT_CIRCLE = 56, 88
CORRELATION = 0.8  # after alignment: copies have 0.93 and more, different photographs under 0.63

_FARTHEST = (0.35, 0.35, VIEW / 4)  # of an alignment from the identity; copies: 0.19, 0.19, 10 px
_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-4)


@dataclass(frozen=True, slots=True)
class Described:
    """Hashes of a photograph and of its mirror image, as hexadecimal; they propose pairs."""

    hash: str
    mirrored: str
    circle: bool
    """Whether the circle of the field of view was found, so that the frame has no influence."""


def describe(image: np.ndarray) -> Described:
    """Hash a photograph, uint8 RGB [H, W, 3]."""
    square, circle = view(image)
    return Described(_hash(square), _hash(square[:, ::-1]), circle)


def view(image: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the square inside the circle of the field of view, and whether there is a circle.

    Args:
        image: uint8 RGB [H, W, 3].

    Returns:
        (Green channel - local mean) / local deviation, float32 [VIEW, VIEW]; and the circle, bool.
    """
    image = shrink(image, _SMALL)
    darkest = float(image.max(axis=2).min())  # the surround of a brighter copy is brighter too
    mask = fov_mask(cv2.subtract(image, (darkest,) * 3), version=2)
    x, y, radius, circle = _circle(mask)
    factor = VIEW / 2 / (0.7 * radius)
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    green = cv2.extractChannel(image, 1).astype(np.float32)
    green = cv2.resize(green, None, fx=factor, fy=factor, interpolation=kind)
    square = cv2.getRectSubPix(green, (VIEW, VIEW), (x * factor, y * factor))
    square -= cv2.GaussianBlur(square, (0, 0), 6)
    return square / (np.sqrt(cv2.GaussianBlur(square * square, (0, 0), 6)) + 1), circle


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Correlate two views after an affine alignment; 0 if they cannot be aligned."""
    a, b = (cv2.GaussianBlur(v, (0, 0), 0.75) for v in (first, second))
    window = cv2.createHanningWindow(a.shape[::-1], cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(a, b, window)
    start = np.array([[1, 0, x], [0, 1, y]], np.float32)
    try:
        value, found = cv2.findTransformECC(a, b, start, cv2.MOTION_AFFINE, _CRITERIA, None, 5)
    except cv2.error:  # did not converge
        return 0.0
    # a few pixels, stretched over the whole view, correlate with any photograph
    return value if (np.abs(found - np.eye(2, 3)) <= _FARTHEST).all() else 0.0


def groups(
    described: Sequence[Described], read: Callable[[int], np.ndarray], sha256: Sequence[str]
) -> np.ndarray:
    """Number the photographs so that copies, and copies of copies, share a number.

    Args:
        described: one per photograph.
        read: index -> pixels, uint8 RGB [H, W, 3]; called for proposed pairs only.
        sha256: one per file; equal files need no comparison.

    Returns:
        int32 [N].
    """
    squares = lru_cache(maxsize=64)(lambda index: view(read(index))[0])
    pairs = []
    for i, j, mirrored in proposals(described):
        second = (lambda v: v[:, ::-1]) if mirrored else (lambda v: v)
        if sha256[i] == sha256[j] or correlation(squares(i), second(squares(j))) > CORRELATION:
            pairs.append((i, j))
    left, right = np.array(pairs).T if pairs else (np.zeros(0, int),) * 2
    size = len(described)
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def proposals(described: Sequence[Described]) -> Iterator[tuple[int, int, bool]]:
    """Yield pairs i < j whose hashes are near, and whether j is the mirrored one."""
    if not described:
        return
    hashes, mirrors = (
        np.frombuffer(bytes.fromhex("".join(column)), np.uint64)
        .reshape(len(described), -1)
        .T.copy()
        for column in zip(*((d.hash, d.mirrored) for d in described), strict=True)
    )
    circle = np.array([d.circle for d in described])
    corners = product(*(range(0, len(circle), size) for size in BLOCK))

    def near(corner: tuple[int, int]) -> list[tuple[int, int, bool]]:
        found = []
        rows, columns = (slice(at, at + size) for at, size in zip(corner, BLOCK, strict=True))
        for mirrored, others in ((False, hashes), (True, mirrors)):
            distance = _distance(hashes[:, rows], others[:, columns])
            for i, j in np.argwhere(distance <= NEAR_WITHOUT_CIRCLE).tolist():
                a, b = corner[0] + i, corner[1] + j
                limit = NEAR if circle[a] and circle[b] else NEAR_WITHOUT_CIRCLE
                if a < b and distance[i, j] <= limit:
                    found.append((a, b, mirrored))
        return found

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy lets the others run meanwhile
        above = (c for c in corners if c[1] + BLOCK[1] > c[0])  # else j < i
        yield from chain.from_iterable(pool.map(near, above))


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Hamming distances of hashes, uint64 [words, N] and [words, M]: uint8 [N, M], 255 at most."""
    distance = np.zeros((first.shape[1], second.shape[1]), np.uint8)
    for one, other in zip(first, second, strict=True):
        cv2.add(distance, np.bitwise_count(one[:, None] ^ other), dst=distance)
    return distance


def _hash(square: np.ndarray) -> str:
    grey = np.clip(square * 40 + 128, 0, 255).astype(np.uint8)
    return str(imagehash.phash(Image.fromarray(grey), hash_size=BITS))


def _circle(mask: np.ndarray) -> tuple[float, float, float, bool]:
    """Fit a circle (Kasa) to the edge of the mask where the frame does not cut it off.

    Returns:
        x, y, radius in px, and whether enough of the edge was found. If not, x, y and radius
        describe the box of the mask.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    size = max(width, height, 1)
    box = (left + width / 2, top + height / 2, size / 2, False)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return box
    edge = max(contours, key=len)[:, 0].astype(float)
    edge = edge[((edge > 1) & (edge < (mask.shape[1] - 2, mask.shape[0] - 2))).all(axis=1)]
    if len(edge) < 0.9 * size:  # four cut corners alone are no circle
        return box
    terms = np.column_stack([edge, np.ones(len(edge))])
    a, b, c = np.linalg.lstsq(terms, (edge**2).sum(axis=1), rcond=None)[0]
    x, y, radius = a / 2, b / 2, np.sqrt(max(c + (a * a + b * b) / 4, 0))
    inside = left < x < left + width and top < y < top + height
    return (x, y, radius, True) if inside and 0.4 * size < radius < size else box
