"""Split-conformal calibration: an uncertainty map becomes an interval that covers a stated share.

The interval of a pixel is q (u + `FLOOR`) grey levels to either side of SR. u is the map's value.
With scores |error| / (u + FLOOR), q is their `LEVEL` quantile over the pixels of other photographs,
each with the same weight. The photographs, sorted by sha256, form two halves. Each half is
calibrated on the other.

Photographs are assumed to be exchangeable; pixels of one photograph are not. The guarantee is
coverage on average over photographs, up to 1 / (n + 1) for n calibration photographs. It does not
hold for each region or each photograph, so the record has the measured coverage, too.

J. Lei et al., "Distribution-free predictive inference for regression", Journal of the American
Statistical Association 113, 2018; R. Dunn et al., "Distribution-free prediction sets for two-layer
hierarchical models", ibid. 118, 2023.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from srgan_keras.evaluation.statistics import summary

LEVEL = 0.9
"""Share of the field of view whose error lies within the interval."""

FLOOR = 1.0
"""Grey levels added to the map: SR differs from HR even where all eight orientations agree."""

_SHARES = np.linspace(0, 1, 1001)


@dataclass(frozen=True)
class Scores:
    """Quantiles of one photograph's pixels, for calibration.

    Attributes:
        sha256: hash of the photograph, which decides its half.
        scaled: quantiles of error / (uncertainty + FLOOR), at 1001 equal steps, float [1001].
        plain: quantiles of the error itself, grey levels.
        width: mean of uncertainty + FLOOR, grey levels.
    """

    sha256: str
    scaled: np.ndarray
    plain: np.ndarray
    width: float

    def as_json(self) -> list[Any]:
        """Return the values as JSON holds them; `Scores.of_json` takes them."""
        lists = self.scaled.tolist(), self.plain.tolist()
        return [self.sha256, *lists, self.width, self.plain.dtype.name]

    @classmethod
    def of_json(cls, values: list[Any]) -> "Scores":
        """Return the scores that `as_json` was called of, bit for bit."""
        sha256, scaled, plain, width, dtype = values
        return cls(sha256, np.array(scaled, dtype), np.array(plain, dtype), width)


def scores(sha256: str, error: np.ndarray, uncertainty: np.ndarray) -> Scores:
    """Summarise the pixels of a field of view: error and map, float [N] in grey levels, N > 0."""
    width = uncertainty + FLOOR
    plain, scaled = (np.quantile(x, _SHARES) for x in (error, error / width))
    return Scores(sha256, scaled, plain, float(width.mean()))


def calibrate(found: list[Scores]) -> tuple[dict[str, Any], list[float]]:
    """Calibrate each half on the other.

    Args:
        found: the scores of at least two photographs.

    Returns:
        The record, and each photograph's coverage: the share of its pixels within its interval.
        The record has level, floor, n, coverage and half_width (`statistics.summary`). It has
        `constant_half_width`, for an interval of one width: a useful map has a narrower one. It
        has `quantile`, q over all photographs, for a new photograph.

    Raises:
        ValueError: fewer than two photographs.
    """
    if len(found) < 2:
        raise ValueError("calibration needs at least two photographs")
    order = sorted(range(len(found)), key=lambda i: (found[i].sha256, i))
    parts = order[: len(order) // 2], order[len(order) // 2 :]
    coverage, widths, constant = ([0.0] * len(found) for _ in range(3))
    for own, other in (parts, parts[::-1]):
        q = _quantile([found[i].scaled for i in other])
        level = _quantile([found[i].plain for i in other])
        for i in own:
            coverage[i] = float(np.interp(q, found[i].scaled, _SHARES))
            widths[i], constant[i] = q * found[i].width, level
    record = {
        "level": LEVEL,
        "floor": FLOOR,
        "n": len(found),
        "coverage": summary(coverage),
        "half_width": summary(widths),
        "constant_half_width": summary(constant),
        "quantile": _quantile([s.scaled for s in found]),
    }
    return record, coverage


def _quantile(photographs: list[np.ndarray]) -> float:
    """Return the `LEVEL` quantile over photographs of equal weight."""
    return float(np.quantile(np.concatenate(photographs), LEVEL))
