"""A model with the guard of `upscale --guard`, and the share of its results that falls back."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from srgan_keras.evaluation.observer import Observer, Result
from srgan_keras.evaluation.protocol import Method
from srgan_keras.evaluation.self_ensembled import mean_and_deviation
from srgan_keras.inference import guard
from srgan_keras.inference.upscaler import FALLBACK


class Guarded:
    """A model that falls back towards its input, see `guard.guarded`, at eight times the cost.

    Attributes:
        name: the model's name and `+guard`.
    """

    def __init__(self, model: Method) -> None:
        self._model, self.name = model, f"{model.name}+guard"
        self.scale, self.degradation = model.scale, model.degradation
        self.info = getattr(model, "info", {})
        # two: `evaluate --pairs --full-size` asks for a photograph and its reduction at a time
        self._kept = lru_cache(maxsize=2)(self._compute)

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to uint8 [scale h, scale w, 3], rounded."""
        return np.rint(self.upscale_float(image) * 255).astype(np.uint8)

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to float32 [scale h, scale w, 3] in 0..1."""
        return self._kept(image.shape, image.tobytes())[0]

    def fallback(self, image: np.ndarray) -> np.ndarray:
        """Return the share of the fallback in SR of uint8 [h, w, 3], float32 in 0..1.

        Its shape is [scale h, scale w]. The result of the last call of `upscale` is not computed
        again.
        """
        return self._kept(image.shape, image.tobytes())[1]

    def _compute(self, shape: tuple[int, ...], data: bytes) -> tuple[np.ndarray, np.ndarray]:
        image = np.frombuffer(data, np.uint8).reshape(shape)
        mean, deviation = mean_and_deviation(self._model, image)
        rms = np.sqrt(np.mean(deviation**2, axis=-1))
        lr = np.divide(image, np.float32(255), dtype=np.float32)
        sr, share = guard.guarded(lr[np.newaxis], mean[np.newaxis], rms[np.newaxis], self.scale)
        return sr[0], share[0]


class Shares(Observer):
    """Adds `fallback` to the values of guarded models: its mean share in each region."""

    def start(self, protocols: object, models: dict[str, Method], out: object) -> None:
        """Remember the guarded models."""
        del protocols, out
        self._models = {name: m for name, m in models.items() if isinstance(m, Guarded)}

    def measured(self, result: Result) -> None:
        """Add the shares of one photograph."""
        if model := self._models.get(result.name):
            share = model.fallback(result.sample.lr)
            for region, mask in result.sample.regions.items():
                inside = share if mask is None else share[mask]
                result.values[region][FALLBACK] = float(inside.mean()) if inside.size else np.nan


def note(name: str, shares: Mapping[str, float | None]) -> str:
    """Say how much of the results of a guarded model fell back.

    Args:
        name: of its row.
        shares: by what they are shares of, means over the photographs in 0..1.
    """
    parts = (f"{of} {share:.0%}" for of, share in shares.items() if share is not None)
    return f"{name}: share that the guard left as it was: {', '.join(parts)}"
