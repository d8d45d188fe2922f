"""Means over photographs with bootstrap intervals; values that are not finite are counted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats

DRAWS = 2000
_SEED = 0


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Summarise one value per photograph.

    Returns:
        mean of the finite values, and ci95, the 95 % percentile bootstrap interval [a, b] of that
        mean. mean is None without a finite value, ci95 with fewer than two. `inf` and `nan` count
        infinite values (identical images) and undefined ones (an empty region), if there are any.
    """
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    result: dict[str, Any] = {
        "mean": float(finite.mean()) if finite.size else None,
        "ci95": interval(finite),
    }
    counts = {"inf": int(np.isinf(array).sum()), "nan": int(np.isnan(array).sum())}
    return result | {name: count for name, count in counts.items() if count}


def paired_gain(values: Sequence[float], baseline: Sequence[float]) -> dict[str, Any]:
    """Summarise the differences from the baseline on the same photographs."""
    with np.errstate(invalid="ignore"):  # two identical images: inf - inf
        return summary(np.asarray(values, np.float64) - np.asarray(baseline, np.float64))


def interval(values: np.ndarray) -> list[float] | None:
    """Return the 95 % percentile bootstrap interval of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    result = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=DRAWS,
        confidence_level=0.95,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    low, high = sorted(map(float, result.confidence_interval))  # equal values: low may round above
    return [low, high]
