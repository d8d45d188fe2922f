"""Statistics over the photographs: means, intervals, gap recovery, plain sentences."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from srgan_keras.downstream.scores import aupr
from srgan_keras.evaluation.statistics import DRAWS, paired_gain

POOLED_DRAWS = 200
FEWEST = 6
"""Photographs; a bootstrap of fewer finds differences in pure noise several times too often."""


def gap_recovery(hr: np.ndarray, reference: np.ndarray, sr: np.ndarray) -> dict[str, Any]:
    """Return (SR - reference) / (HR - reference) of the means over the same photographs.

    Photographs where one of the three is undefined are skipped in all three, and counted as `nan`.

    Args:
        hr: one value a photograph, as the others.
        reference: on LR upscaled by interpolation, at scale 1 on LR.
        sr: on LR upscaled or restored by a model.

    Returns:
        mean, and ci95 by a bootstrap that draws photographs. Where the interval of HR - reference
        is not above 0, there is no gap to recover: both are None, with a `reason`.
    """
    values = np.stack([hr, reference, sr]).astype(np.float64)
    defined = np.isfinite(values).all(axis=0)
    values, left_out = values[:, defined], int((~defined).sum())
    counted = {"nan": left_out} if left_out else {}
    gap = paired_gain(values[0], values[1])["ci95"]
    if gap is None or gap[0] <= 0:
        reason = "fewer than two photographs"
        if gap is not None:
            worse = gap[1] < 0
            reason = "HR is worse" if worse else "HR and the reference are not distinguishable"
        return {"mean": None, "ci95": None, "reason": reason} | counted
    count = values.shape[1]
    draws = np.random.default_rng(0).integers(count, size=(DRAWS, count))

    def ratio(means: np.ndarray) -> np.ndarray:
        return (means[2] - means[1]) / (means[0] - means[1])

    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = ratio(values[:, draws].mean(axis=2))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return {"mean": float(ratio(values.mean(axis=1))), "ci95": [float(low), float(high)]} | counted


def pooled_aupr(counts: np.ndarray) -> dict[str, Any]:
    """Return AUPR over the pixels of all photographs, and its interval over photographs.

    Args:
        counts: [photographs, 2, LEVELS], see `scores.histogram`.
    """
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(POOLED_DRAWS):
        weights = np.bincount(rng.integers(len(counts), size=len(counts)), minlength=len(counts))
        drawn.append(aupr(np.tensordot(weights, counts, 1)))
    drawn = [value for value in drawn if math.isfinite(value)]
    value = aupr(counts.sum(axis=0))
    ci95 = [float(x) for x in np.percentile(drawn, [2.5, 97.5])] if drawn else None
    return {"mean": value if math.isfinite(value) else None, "ci95": ci95}


def sentence(
    metric: str, name: str, other: str, gain: Mapping[str, Any], by_seed: np.ndarray, lower: bool
) -> str:
    """Say in words what a paired difference means at this sample size.

    The interval draws photographs; another training would move it, too. So better or worse is said
    only where each seed on its own has the same sign.

    Args:
        metric: what was measured.
        name: of the first input.
        other: what it is compared with.
        gain: of `statistics.paired_gain`, over the photographs.
        by_seed: the differences themselves [seeds, photographs], NaN where undefined.
        lower: less is better.
    """
    title = metric.replace("_", " ")
    by_seed = by_seed[:, np.isfinite(by_seed).all(axis=0)]
    if by_seed.shape[1] < FEWEST:
        return f"{title}: {name} and {other} are not compared on fewer than {FEWEST} photographs."
    low, high = gain["ci95"]
    numbers = f"{gain['mean']:+.4g}, 95 % interval {low:+.4g} to {high:+.4g}"
    signs = set(np.sign(by_seed.mean(axis=1)))
    if len(signs) > 1:
        return f"{title}: {name} and {other} are not distinguishable: seeds disagree ({numbers})."
    if low <= 0 <= high:
        return (
            f"{title}: {name} and {other} are not distinguishable at this sample size ({numbers})."
        )
    better = (low > 0) != lower
    return f"{title}: {name} is {'better' if better else 'worse'} than {other} ({numbers})."
