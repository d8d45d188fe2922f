import hashlib

import numpy as np
import pytest

from srgan_keras.evaluation.calibration import FLOOR, LEVEL, calibrate, scores


def photograph(i: int, rng, spread: float = 1.0, told: bool = True):
    """Errors of a pixel's own size, which the map knows of or not."""
    size = spread * rng.uniform(0.2, 5, 4000)
    error = np.abs(rng.normal(0, size + FLOOR))
    sha256 = hashlib.sha256(bytes([i])).hexdigest()
    return scores(sha256, error, size if told else np.full_like(size, size.mean()))


def test_intervals_cover_what_they_promise(rng):
    record, coverage = calibrate([photograph(i, rng) for i in range(40)])
    assert np.mean(coverage) == pytest.approx(LEVEL, abs=0.01)
    assert record["coverage"]["mean"] == pytest.approx(np.mean(coverage))
    assert record["quantile"] == pytest.approx(1.645, abs=0.03)  # of |normal|, 90 %


def test_a_map_that_knows_the_error_gives_narrower_intervals(rng):
    told, _ = calibrate([photograph(i, rng) for i in range(20)])
    untold, _ = calibrate([photograph(i, rng, told=False) for i in range(20)])
    assert told["half_width"]["mean"] < 0.95 * told["constant_half_width"]["mean"]
    assert untold["half_width"]["mean"] > 0.99 * untold["constant_half_width"]["mean"]


def test_no_photograph_is_calibrated_on_itself(rng):
    """One that is far worse than the others is not covered, and widens the others alone."""
    usual = [photograph(i, rng) for i in range(9)]
    odd = photograph(9, rng)
    odd = type(odd)(odd.sha256, odd.scaled * 100, odd.plain * 100, odd.width)
    _, coverage = calibrate([*usual, odd])
    assert coverage[-1] < 0.1
    _, without = calibrate([*usual, photograph(9, rng)])
    ordered = sorted(range(10), key=lambda i: [*usual, odd][i].sha256)
    part = ordered[:5] if 9 in ordered[:5] else ordered[5:]
    for i in set(range(10)) - set(part):
        assert coverage[i] > without[i]
    for i in set(part) - {9}:
        assert coverage[i] == without[i]


def test_the_order_of_the_photographs_does_not_matter(rng):
    found = [photograph(i, rng, spread=1 + i) for i in range(7)]
    _, coverage = calibrate(found)
    _, turned = calibrate(found[::-1])
    assert turned[::-1] == coverage


def test_one_photograph_is_not_enough(rng):
    with pytest.raises(ValueError, match="two photographs"):
        calibrate([photograph(0, rng)])
