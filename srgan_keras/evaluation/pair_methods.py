"""The rows of protocol `pairs`: what makes a better photograph of a poor one."""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from srgan_keras.data.degradations import degrade
from srgan_keras.evaluation.filters import FILTERS
from srgan_keras.evaluation.guarded import Guarded
from srgan_keras.evaluation.protocol import INPUT, Method
from srgan_keras.inference.upscaler import bicubic

Enhance = Callable[[np.ndarray], np.ndarray]
"""The poor photograph, uint8 RGB [H, W, 3] -> the enhanced one, or a map of it, [H, W, ...]."""


def methods(models: Sequence[Method], full_size: bool = False) -> dict[str, Enhance]:
    """Return the rows of the protocol in their order: input, filters, and each model.

    A model of scale 1 has the row NAME. A model of scale s > 1 has the row NAME-reduced: the poor
    photograph is reduced by s (`bicubic`) and upscaled again, beside bicubic-xS-reduced. With
    `full_size` it also has the row NAME: the poor photograph itself is upscaled. Area averaging
    reduces that SR by s again, because all rows are compared at one size.
    """
    found = _baselines(models)
    for name, model in _named(models).items():
        found |= _rows(name, model.upscale, model.scale, full_size)
    return found


def fallbacks(models: Sequence[Method], full_size: bool = False) -> dict[str, Enhance]:
    """Return the rows of guarded models, each with the function that makes its map `fallback`."""
    found: dict[str, Enhance] = {}
    for name, model in _named(models).items():
        if isinstance(model, Guarded):
            found |= _rows(name, model.fallback, model.scale, full_size)
    return found


def _baselines(models: Sequence[Method]) -> dict[str, Enhance]:
    found: dict[str, Enhance] = {INPUT: lambda image: image} | FILTERS
    for scale in sorted({model.scale for model in models if model.scale > 1}):
        found[f"bicubic-x{scale}-reduced"] = partial(_reduced, partial(bicubic, scale=scale), scale)
    return found


def _named(models: Sequence[Method]) -> dict[str, Method]:
    """Name the models, and number repeated names."""
    named: dict[str, Method] = {}
    taken = set(_baselines(models))
    for model in models:
        name, number = model.name, 2
        while {name, f"{name}-reduced"} & taken:
            name, number = f"{model.name}-{number}", number + 1
        named[name] = model
        taken |= {name, f"{name}-reduced"}
    return named


def _rows(name: str, upscale: Enhance, scale: int, full_size: bool) -> dict[str, Enhance]:
    found: dict[str, Enhance] = {}
    if scale > 1:
        found[f"{name}-reduced"] = partial(_reduced, upscale, scale)
    if scale == 1 or full_size:
        found[name] = partial(_full_size, upscale)
    return found


def _reduced(upscale: Enhance, scale: int, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    margin = (0, -height % scale, 0, -width % scale)
    whole = cv2.copyMakeBorder(image, *margin, cv2.BORDER_REPLICATE)
    lr = degrade(whole[np.newaxis], "bicubic", scale)[0].numpy()
    return upscale(lr)[:height, :width]


def _full_size(upscale: Enhance, image: np.ndarray) -> np.ndarray:
    return cv2.resize(upscale(image), image.shape[1::-1], interpolation=cv2.INTER_AREA)
