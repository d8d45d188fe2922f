"""Means over pairs of photographs with bootstrap intervals over eyes.

Pairs of one eye are not independent, so an interval over pairs would be too narrow.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from srgan_keras.evaluation.statistics import DRAWS

_SEED = 0


def cluster_summary(values: Sequence[float], clusters: Sequence[str]) -> dict[str, Any]:
    """Summarise one value a pair, resampling whole clusters.

    Args:
        values: one a pair.
        clusters: which eye each is of.

    Each of `DRAWS` draws takes as many clusters as exist, with replacement, with all their values.

    Returns:
        mean of the finite values and ci95, its 95 % percentile bootstrap interval [a, b]. `inf` and
        `nan` count the values that enter no mean. mean is None without any finite value, ci95 is
        None with fewer than two clusters.
    """
    array = np.asarray(values, np.float64)
    finite = np.isfinite(array)
    result: dict[str, Any] = {
        "mean": float(array[finite].mean()) if finite.any() else None,
        "ci95": _interval(array[finite], np.asarray(clusters)[finite]),
    }
    counts = {"inf": int(np.isinf(array).sum()), "nan": int(np.isnan(array).sum())}
    return result | {name: count for name, count in counts.items() if count}


def cluster_gain(
    values: Sequence[float], baseline: Sequence[float], clusters: Sequence[str]
) -> dict[str, Any]:
    """Summarise the differences from the baseline on the same pairs."""
    with np.errstate(invalid="ignore"):  # two identical photographs: inf - inf
        return cluster_summary(np.subtract(values, baseline), clusters)


def _interval(values: np.ndarray, clusters: np.ndarray) -> list[float] | None:
    names, index = np.unique(clusters, return_inverse=True)
    if len(names) < 2:
        return None
    sums, counts = np.bincount(index, values), np.bincount(index)
    draws = np.random.default_rng(_SEED).integers(len(names), size=(DRAWS, len(names)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    return [float(end) for end in np.percentile(means, (2.5, 97.5))]
