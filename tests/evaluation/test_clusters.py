import numpy as np
import pytest

from srgan_keras.evaluation.clusters import cluster_gain, cluster_summary
from srgan_keras.evaluation.statistics import summary


def test_one_value_a_cluster_is_the_plain_bootstrap(rng):
    values = rng.normal(size=40)
    names = [str(i) for i in range(40)]
    plain, clustered = summary(values), cluster_summary(values, names)
    assert clustered["mean"] == pytest.approx(plain["mean"])
    np.testing.assert_allclose(clustered["ci95"], plain["ci95"], atol=0.03)


def test_repeats_of_an_eye_do_not_narrow_the_interval(rng):
    values = rng.normal(size=12)
    once = cluster_summary(values, [str(i) for i in range(12)])
    often = cluster_summary(np.repeat(values, 5), np.repeat(np.arange(12), 5).astype(str))
    assert often["ci95"] == pytest.approx(once["ci95"])
    assert np.diff(summary(np.repeat(values, 5))["ci95"]) < 0.7 * np.diff(often["ci95"])


def test_the_mean_is_over_pairs_not_over_eyes():
    assert cluster_summary([0, 0, 0, 1], ["a", "a", "a", "b"])["mean"] == 0.25


def test_an_interval_needs_two_eyes():
    assert cluster_summary([1, 2, 3], ["a", "a", "a"])["ci95"] is None
    assert cluster_summary([1, 2, 3], ["a", "a", "b"])["ci95"] is not None


def test_undefined_values_are_counted_not_averaged():
    found = cluster_summary([1, np.nan, 3, np.inf], ["a", "b", "c", "d"])
    assert (found["mean"], found["nan"], found["inf"]) == (2, 1, 1)
    assert cluster_summary([np.nan], ["a"])["mean"] is None


def test_a_gain_is_paired():
    gain = cluster_gain([1.5, 11.5, 101.5], [1, 11, 101], ["a", "b", "c"])
    assert gain == {"mean": 0.5, "ci95": [0.5, 0.5]}
