"""Gap recovery, pooled AUPR and the sentences."""

import numpy as np
import pytest

from srgan_keras.downstream.compare import gap_recovery, pooled_aupr, sentence
from srgan_keras.downstream.scores import aupr, histogram
from srgan_keras.evaluation.statistics import summary


def test_gap_recovery_is_exact_where_each_photograph_gains_the_same(rng):
    bicubic = rng.random(12)
    result = gap_recovery(bicubic + 0.2, bicubic, bicubic + 0.05)
    assert result["mean"] == pytest.approx(0.25)
    assert result["ci95"] == pytest.approx([0.25, 0.25])


def test_gap_recovery_may_be_negative_and_its_interval_holds_the_mean(rng):
    bicubic = rng.random(20)
    result = gap_recovery(bicubic + 0.2, bicubic, bicubic + rng.normal(-0.05, 0.02, 20))
    assert result["ci95"][0] < result["mean"] < result["ci95"][1] < 0


def test_without_a_gap_there_is_nothing_to_recover(rng):
    bicubic = rng.random(20)
    result = gap_recovery(bicubic + rng.normal(0, 0.1, 20), bicubic, bicubic)
    assert result["mean"] is result["ci95"] is None
    assert "not distinguishable" in result["reason"]
    reversed_ = gap_recovery(bicubic - 0.2, bicubic, bicubic - 0.1)
    assert reversed_["mean"] is None, "coming nearer to what is worse is no recovery"
    assert reversed_["reason"] == "HR is worse"
    assert "fewer than two" in gap_recovery(*np.ones((3, 1)))["reason"]


def test_undefined_photographs_are_left_out_of_all_three_and_counted():
    hr, bicubic = np.array([0.9, np.nan, 0.7]), np.array([0.5, 0.1, 0.3])
    result = gap_recovery(hr, bicubic, bicubic + 0.1)
    assert result["mean"] == pytest.approx(0.25)
    assert result["nan"] == 1


def test_pooled_is_that_of_all_pixels(rng):
    counts = np.stack(
        [histogram(rng.random(99) < 0.3, rng.integers(0, 9, 99).astype(np.uint16)) for _ in "abc"]
    )
    result = pooled_aupr(counts)
    assert result["mean"] == aupr(counts.sum(0))
    assert result["ci95"][0] <= result["mean"] <= result["ci95"][1]


@pytest.mark.parametrize(
    ("change", "lower", "word"),
    [
        (0.1, False, "better"),
        (-0.1, False, "worse"),
        (-0.1, True, "better"),
        (0, False, "not dist"),
    ],
)
def test_sentences(change, lower, word, rng):
    gains = rng.normal(change, 0.01, 20) if change else np.tile([0.1, -0.1], 10)
    each = gains[np.newaxis]
    assert word in sentence("vessel_dice", "stage2", "bicubic", summary(gains), each, lower)


def test_no_verdict_where_seeds_disagree_or_photographs_are_few(rng):
    clear = rng.normal(0.1, 0.01, (3, 20))

    def say(each):
        mean = summary(each.mean(axis=0))
        return sentence("vessel_dice", "stage2", "bicubic", mean, each, lower=False)

    assert "better" in say(clear)
    assert "seeds disagree" in say(clear * [[1], [1], [-0.5]])
    assert "fewer than 6" in say(clear[:, :5])
    clear[0, 5:] = np.nan
    assert "fewer than 6" in say(clear), "undefined photographs do not count"
