import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srgan_keras.evaluation.statistics import interval, paired_gain, summary


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_interval_lies_among_the_values_and_is_repeatable(values):
    result = summary(values)
    low, high = result["ci95"]
    assert result["mean"] == pytest.approx(np.mean(values))
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert summary(values) == result


def test_interval_is_that_of_the_normal_distribution(rng):
    values = rng.normal(30, 3, 400)
    low, high = interval(values)
    assert high - low == pytest.approx(2 * 1.96 * 3 / 20, rel=0.1)


def test_one_value_has_no_interval_and_a_constant_has_a_point():
    assert summary([3.0]) == {"mean": 3.0, "ci95": None}
    assert summary([3.0, 3.0, 3.0]) == {"mean": 3.0, "ci95": [3.0, 3.0]}


def test_what_is_not_finite_is_counted():
    result = summary([np.inf, 1.0, np.nan, 3.0, np.inf])
    assert result["mean"] == 2.0
    assert result["inf"] == 2
    assert result["nan"] == 1
    assert summary([np.inf, np.inf]) == {"mean": None, "ci95": None, "inf": 2}


def test_gain_is_paired():
    result = paired_gain([31.0, 41.0, np.inf, np.inf], [30.0, 40.0, 50.0, np.inf])
    assert result == {"mean": 1.0, "ci95": [1.0, 1.0], "inf": 1, "nan": 1}
