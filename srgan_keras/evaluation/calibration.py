"""Split-conformal calibration: from an uncertainty map to an interval that covers a stated share.

The interval of a pixel is q (u + `FLOOR`) grey levels to either side of SR: u is the map's value
there, q the `LEVEL` quantile of |error| / (u + FLOOR) over the pixels of photographs that are not
the one in question, each photograph counting the same. The photographs, in the order of their
sha256, are two parts, and each part is calibrated on the other.

Pixels of one photograph are not exchangeable, photographs are taken to be: what is promised is
coverage on average over photographs, up to 1 / (n + 1) for n to calibrate on, and not in each
region or each photograph. Hence the coverage that was measured stands beside it.

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
"""Grey levels added to the map: where all eight orientations agree, SR is still not HR."""

_SHARES = np.linspace(0, 1, 1001)


@dataclass(frozen=True)
class Scores:
    """What calibration has to know of one photograph: quantiles in place of its pixels.

    Attributes:
        sha256: of the photograph, which says what part it belongs to.
        scaled: quantiles of error / (uncertainty + FLOOR), at 1001 equal steps, float [1001].
        plain: those of the error itself, grey levels.
        width: mean of uncertainty + FLOOR, grey levels.
    """

    sha256: str
    scaled: np.ndarray
    plain: np.ndarray
    width: float


def scores(sha256: str, error: np.ndarray, uncertainty: np.ndarray) -> Scores:
    """Summarise the pixels of a field of view: error and map, float [N] in grey levels, N > 0."""
    width = uncertainty + FLOOR
    plain, scaled = (np.quantile(x, _SHARES) for x in (error, error / width))
    return Scores(sha256, scaled, plain, float(width.mean()))


def calibrate(found: list[Scores]) -> tuple[dict[str, Any], list[float]]:
    """Calibrate each part on the other.

    Args:
        found: two photographs or more.

    Returns:
        The record, and each photograph's coverage: the share of its pixels within its interval.
        The record has level, floor, n, coverage and half_width (`statistics.summary`),
        constant_half_width, that of an interval of one width for all pixels calibrated alike: a
        map worth having is narrower; and quantile, q over all photographs, for a new one.

    Raises:
        ValueError: fewer than two photographs.
    """
    if len(found) < 2:
        raise ValueError("calibration needs two photographs: one to calibrate on, one to cover")
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
    """Return the `LEVEL` quantile over photographs that count the same."""
    return float(np.quantile(np.concatenate(photographs), LEVEL))
