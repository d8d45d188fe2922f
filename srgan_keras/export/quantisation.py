"""int8: the photographs that choose its ranges, and the distance from float32 that it may have."""

from typing import Any

import cv2
import keras
import numpy as np

from srgan_keras.data import datasets
from srgan_keras.data.fov import crop_to_fov, fov_mask
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.export.tiles import Network

LEAST_PSNR = 50.0
"""dB between the output of int8 and that of float32."""
MOST_SHIFT = 0.1
"""Grey levels that the mean of a channel may move: more would darken or tint the photograph."""
MOST_LEVELS = 24.0
"""Grey levels that all but one in 10,000 values may move: a tenth of the steepest edge."""

PHOTOGRAPHS = 8
"""Photographs that choose the ranges at most, and as many that judge the result."""
SIDE = 96
"""Side of their crops in px."""
STEEPER = np.float32(1.25)
"""Factor on the contrast of edges, so that edges of other photographs stay in range."""


def images(data: str, scale: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return crops of photographs to choose ranges by, and crops of others to judge the result by.

    Each photograph gives two crops at its own size, as `upscale` meets them. Above scale 1 it gives
    two of its reduction by the scale, as `evaluate` does. The first of two holds the brightest
    spot, which is the optic disc or a reflex. The second holds the steepest edge, often that of the
    field of view. Ranges that come from the retina alone cut both off. For the ranges, the edge is
    turned and flipped, since each channel answers to some directions, and made steeper.

    Args:
        data: DATASET.
        scale: SR side over LR side.

    Returns:
        Two lists of float32 [1, h, w, 3] in 0..1.

    Raises:
        UsageError: there are fewer than two photographs, or one cannot be read.
    """
    photographs = datasets.find(data)
    if len(photographs) < 2:
        raise UsageError(f"{data} has one photograph, and calibration needs two: add others")
    found = []
    for start in (0, 1):
        crops = []
        for photograph in photographs[start::2][:PHOTOGRAPHS]:
            image = photograph.read()
            image, _ = crop_to_fov(image, fov_mask(image))
            for factor in {1, scale}:
                size = [max(side // factor, 1) for side in image.shape[1::-1]]
                lr = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
                green = lr[..., 1]
                crops.append(_crop(lr, _brightest(green), SIDE))
                if start:
                    crops.append(_crop(lr, _steepest(green), SIDE))
                else:
                    crops += _turned(_crop(lr, _steepest(green), SIDE // 2) * STEEPER)
        found.append(crops)
    return found[0], found[1]


def _brightest(grey: np.ndarray) -> tuple[int, int]:
    grey = cv2.GaussianBlur(grey, (0, 0), 2)
    row, column = np.unravel_index(grey.argmax(), grey.shape)
    return int(row), int(column)


def _steepest(grey: np.ndarray) -> tuple[int, int]:
    slope = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    row, column = np.unravel_index(slope.argmax(), slope.shape)
    return int(row), int(column)


def _turned(crop: np.ndarray) -> list[np.ndarray]:
    """Return the eight orientations of a crop, clipped to 1."""
    crop = np.minimum(crop, 1)
    turns = [np.rot90(crop, k, axes=(1, 2)) for k in range(4)]
    return [np.ascontiguousarray(x) for turn in turns for x in (turn, turn[:, ::-1])]


def _crop(image: np.ndarray, spot: tuple[int, int], side: int) -> np.ndarray:
    """Return the square around a spot, moved inside, as a batch in 0..1."""
    corner = [
        min(max(middle - side // 2, 0), max(length - side, 0))
        for middle, length in zip(spot, image.shape[:2], strict=True)
    ]
    crop = image[corner[0] :, corner[1] :][:side, :side]
    return crop[np.newaxis].astype(np.float32) / np.float32(255)


def distance(generator: keras.Model, network: Network, crops: list[np.ndarray]) -> dict[str, Any]:
    """Return how far a network is from the generator: `LEAST_PSNR` and the other limits hold.

    Args:
        generator: in float32.
        network: its int8 form.
        crops: float32 [1, h, w, 3] in 0..1.

    Returns:
        psnr in dB; in grey levels max_level_diff, p9999_level_diff (all but one in 10,000 values),
        mean_level_diff and mean_shift (a channel each).

    Raises:
        CommandError: a limit is exceeded.
    """
    found = differences(lambda x: np.clip(generator(x, training=False), 0, 1), network, crops)
    limits = {
        f"{found['psnr']:.1f} dB (at least {LEAST_PSNR:g})": found["psnr"] >= LEAST_PSNR,
        f"mean shift {found['mean_shift']} grey levels (at most {MOST_SHIFT:g})": (
            max(map(abs, found["mean_shift"])) <= MOST_SHIFT
        ),
        f"{found['p9999_level_diff']:.2g} grey levels at a value in 10,000 (at most "
        f"{MOST_LEVELS:g})": found["p9999_level_diff"] <= MOST_LEVELS,
    }
    if missed := [text for text, kept in limits.items() if not kept]:
        raise CommandError(
            f"int8 is too far from float32: {'; '.join(missed)}. Give more photographs, or use "
            "format openvino."
        )
    return found


def differences(expected: Network, network: Network, crops: list[np.ndarray]) -> dict[str, Any]:
    """Compare two networks on the same images: see `distance` for the keys."""
    shape = (-1, 3)
    apart = [255 * (network(x) - expected(x)).reshape(shape) for x in crops]
    apart = np.concatenate(apart).astype(np.float64)
    error = float(np.mean(apart**2))
    return {
        "psnr": round(float(10 * np.log10(255**2 / error)), 2) if error else 99.0,
        "max_level_diff": float(np.abs(apart).max()),
        "p9999_level_diff": float(np.percentile(np.abs(apart), 99.99)),
        "mean_level_diff": float(np.abs(apart).mean()),
        "mean_shift": [round(float(mean), 4) for mean in apart.mean(axis=0)],
    }
