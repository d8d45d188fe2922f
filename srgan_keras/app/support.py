"""The trust maps that a photograph without HR can have, and the flags that follow from them.

They are those of `evaluation.trust`, one value for each LR pixel. docs/trust.md explains them.
"""

import cv2
import numpy as np

from srgan_keras.data.degradations import DEGRADATIONS, degrade
from srgan_keras.data.fov import erode_inner
from srgan_keras.evaluation import trust
from srgan_keras.inference.model import Model
from srgan_keras.inference.upscaler import FALLBACK, UNCERTAINTY, field_of_view
from srgan_keras.rounding import eight_bit

_ROWS = 256
"""LR rows whose SR is degraded at once: memory stays bounded."""

_HALO = 16
"""LR px, more than any degradation reads to either side."""


def maps_of(
    model: Model, lr: np.ndarray, sr: np.ndarray, made: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the maps by name.

    Args:
        model: the model that made SR.
        lr: the photograph, uint8 or uint16 [h, w, 3].
        sr: its SR, of the same type, [scale * h, scale * w, 3].
        made: the maps of the self-ensemble, if there are any: see `Upscaler.maps`.

    Returns:
        float32 [h, w] each. `uncertainty` and `consistency` are in grey levels; `fallback` is the
        share that the guard left to the fallback. `consistency` is for models of a fixed
        degradation only.
    """
    size = lr.shape[1::-1]
    found = {
        name: cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        for name, values in made.items()
    }
    if UNCERTAINTY in found:
        found[UNCERTAINTY] *= np.float32(255)
    operator = DEGRADATIONS.get(model.degradation)
    if model.scale > 1 and operator is not None and not operator.random:
        found["consistency"] = _consistency(model, lr, sr)
    return found


def flags_of(maps: dict[str, np.ndarray], lr: np.ndarray, scale: int) -> list[list[int]]:
    """Return the regions whose detail LR does not support, in px of SR, the largest first.

    The field-of-view edge does not count: see region `inner` of docs/metrics.md.

    Args:
        maps: those of `maps_of`.
        lr: the photograph, uint8 or uint16 [h, w, 3].
        scale: SR side over LR side.
    """
    if not flaggable(maps):
        return []
    flags = np.logical_or.reduce(
        [maps[name] > most for name, most in trust.THRESHOLDS.items() if name in maps]
    )
    retina = field_of_view(lr, 0)
    if retina is not None:
        flags &= erode_inner(retina)
    height, width = flags.shape
    ends = height, width, height, width
    return [
        [scale * min(max(side, 0), end) for side, end in zip(box, ends, strict=True)]
        for box in trust.boxes(flags, 1)
    ]


def flaggable(maps: dict[str, np.ndarray]) -> bool:
    """Tell whether the maps can flag anything."""
    return bool(maps.keys() & trust.THRESHOLDS.keys())


def fallback_share(maps: dict[str, np.ndarray], lr: np.ndarray) -> float | None:
    """Return the share of the retina, or of a frame without one, that the guard left alone."""
    if FALLBACK not in maps:
        return None
    retina = field_of_view(lr, 0)
    inside = maps[FALLBACK] if retina is None else maps[FALLBACK][retina]
    return float(inside.mean())


def _consistency(model: Model, lr: np.ndarray, sr: np.ndarray) -> np.ndarray:
    """Return the distance of the degraded SR from LR in grey levels, float32 [h, w]."""
    height, scale = len(lr), model.scale
    error = np.empty(lr.shape[:2], np.float32)
    version = model.info["degradation"].get("version")
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        first, last = max(top - _HALO, 0), min(bottom + _HALO, height)
        strip = eight_bit(sr[scale * first : scale * last])[np.newaxis]
        again = degrade(strip, model.degradation, scale, version=version).numpy()[0]
        error[top:bottom] = trust.distance(
            eight_bit(lr[top:bottom]), again[top - first :][: bottom - top]
        )
    return error
