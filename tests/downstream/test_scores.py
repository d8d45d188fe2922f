"""Segmentation metrics beside scikit-learn's, and on masks where little is defined."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from srgan_keras.downstream import scores
from srgan_keras.evaluation.statistics import summary
from srgan_keras.metrics import masks


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_equal_to_scikit_learn(share, rng):
    truth = rng.random((40, 50)) < share
    score = masks.levels(np.clip(0.3 * truth + rng.random(truth.shape) * 0.8, 0, 1))
    mask = masks.found(score)
    values = masks.overlap(truth, mask)
    t, m = truth.ravel(), mask.ravel()
    assert values["precision"] == pytest.approx(reference.precision_score(t, m, zero_division=0))
    assert values["recall"] == pytest.approx(reference.recall_score(t, m))
    assert values["dice"] == pytest.approx(reference.f1_score(t, m))
    assert values["iou"] == pytest.approx(reference.jaccard_score(t, m))
    got = scores.aupr(scores.histogram(truth, score))
    assert got == pytest.approx(reference.average_precision_score(t, score.ravel()))


def test_ties_as_in_scikit_learn(rng):
    truth, score = rng.random((30, 30)) < 0.2, rng.integers(0, 4, (30, 30)).astype(np.uint16)
    expected = reference.average_precision_score(truth.ravel(), score.ravel())
    assert scores.aupr(scores.histogram(truth, score)) == pytest.approx(expected)


def test_pooled_is_that_of_all_pixels(rng):
    truth, score = rng.random((2, 300)) < 0.2, rng.integers(0, 999, (2, 300)).astype(np.uint16)
    parts = sum(scores.histogram(t, s) for t, s in zip(truth, score, strict=True))
    expected = reference.average_precision_score(truth.ravel(), score.ravel())
    assert scores.aupr(parts) == pytest.approx(expected)


def _score(truth, probability):
    fov = np.ones(truth.shape, bool)
    return scores.score("exudate", "lesions", truth, masks.levels(probability), fov)


def test_shifted_empty_and_full_masks():
    truth = np.zeros((32, 32), bool)
    truth[8:16, 8:16] = True
    shifted = _score(truth, np.roll(truth, 4, axis=1) * 1.0)
    assert shifted["exudate_dice"] == 0.5
    assert shifted["exudate_iou"] == pytest.approx(1 / 3)
    nothing = _score(truth, np.zeros(truth.shape))
    assert {nothing[f"exudate_{m}"] for m in ("precision", "recall", "dice", "iou")} == {0.0}
    everything = _score(truth, np.ones(truth.shape))
    assert everything["exudate_recall"] == 1
    assert everything["exudate_precision"] == everything["exudate_aupr"] == truth.mean()


def test_a_photograph_without_the_lesion_is_counted_not_averaged():
    empty = np.zeros((8, 8), bool)
    right, wrong = _score(empty, np.zeros((8, 8))), _score(empty, np.ones((8, 8)))
    assert (right["exudate_dice"], wrong["exudate_dice"]) == (1, 0)
    assert (right["exudate_iou"], wrong["exudate_iou"]) == (1, 0)
    assert wrong["exudate_precision"] == 0
    undefined = [right["exudate_recall"], right["exudate_aupr"], right["exudate_precision"]]
    assert all(math.isnan(value) for value in undefined)
    assert summary([0.5, right["exudate_recall"]]) == {"mean": 0.5, "ci95": None, "nan": 1}


def test_outside_the_field_of_view_nothing_counts(rng):
    truth = rng.random((20, 20)) < 0.5
    fov = np.zeros(truth.shape, bool)
    fov[5:15, 5:15] = True
    probability = masks.levels(truth * 1.0)
    spoilt = np.where(fov, probability, masks.LEVELS - 1 - probability).astype(np.uint16)
    assert scores.score("x", "lesions", truth, spoilt, fov) == scores.score(
        "x", "lesions", truth, probability, fov
    )


def test_sensitivity_by_width():
    truth = np.zeros((60, 60), bool)
    truth[5:6, 5:55] = True
    truth[20:25, 5:55] = True
    truth[40:51, 5:55] = True
    missed = truth.copy()
    missed[5] = False
    values = scores.sensitivity_by_width(truth, missed)
    assert values["sensitivity_thin"] < 0.5
    assert values["sensitivity_medium"] > 0.9
    assert values["sensitivity_wide"] == 1
    assert scores.sensitivity_by_width(truth, truth)["sensitivity_thin"] == 1
    empty = scores.sensitivity_by_width(np.zeros_like(truth), truth)
    assert all(math.isnan(value) for value in empty.values())


def test_false_lesions_are_those_found_here_alone():
    def spot(*at):
        mask = np.zeros((100, 100), bool)
        for y, x in at:
            mask[y : y + 3, x : x + 3] = True
        return mask

    fov = np.ones((100, 100), bool)
    truth, on_hr = spot((10, 10)), spot((10, 10), (50, 50))
    here = spot((11, 11), (51, 51), (80, 20))
    healthy = 100 * 100 - 9 * 9
    assert masks.false_regions(here, on_hr, truth, fov) == pytest.approx(1e6 / healthy)
    assert masks.false_regions(on_hr, on_hr, truth, fov) == 0
