"""A segmenter learns, and goes on where it stopped as if it had not."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.downstream import fit as fitting
from srgan_keras.downstream import scores
from srgan_keras.downstream.fit import Fit, FitSettings, fit
from srgan_keras.downstream.patches import Patches
from srgan_keras.downstream.segmenter import dice_loss, entropy, missed
from srgan_keras.downstream.tasks import cases
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.segmenter import Predictor
from srgan_keras.models.unet import build_unet


@pytest.fixture(scope="module")
def eyes():
    return [case for case in cases("phantom:6", "vessels", long_side=128) if case.split == "train"]


TRAIN = FitSettings(
    steps=4,
    batch_size=2,
    precision="float32",
    log_every_steps=2,
    checkpoint_every_steps=2,
    validate_every_steps=1000,
    steps_per_call=2,
    ema_decay=0.9,
)
PLAN = Fit("vessels", "unet", "hr", "a", depth=1, width=2, patch=32, train=TRAIN)


def _fit(plan, eyes, folder):
    return fit(plan, [case.image for case in eyes], eyes, folder)


def test_resumed_equals_uninterrupted(eyes, tmp_path, monkeypatch):
    whole = _fit(PLAN, eyes, tmp_path / "whole")

    def stop(checkpoints, model, state, save):
        save(checkpoints, model, state)
        if state.step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        save = fitting.Checkpoints.save
        patch.setattr(fitting.Checkpoints, "save", lambda *a: stop(*a, save=save))
        with pytest.raises(KeyboardInterrupt):
            _fit(PLAN, eyes, tmp_path / "parts")
    parts = _fit(PLAN, eyes, tmp_path / "parts")
    read = _fit(PLAN, eyes, tmp_path / "parts")
    for a, b, c in zip(whole.weights, parts.weights, read.weights, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(b, c)


def test_other_settings_are_refused(eyes, tmp_path):
    _fit(PLAN, eyes, tmp_path)
    with pytest.raises(UsageError, match="width"):
        _fit(dataclasses.replace(PLAN, width=3), eyes, tmp_path)


def test_it_learns_in_mixed_precision(eyes, tmp_path):
    train = dataclasses.replace(
        TRAIN, steps=60, learning_rate=5e-3, precision="mixed_bfloat16", batch_size=4
    )
    plan = dataclasses.replace(PLAN, width=8, depth=2, train=train)
    predict = Predictor(_fit(plan, eyes, tmp_path), plan.depth)
    truth = eyes[0].masks[..., 0]
    found = scores.aupr(scores.histogram(truth, predict(eyes[0].image)[..., 0]))
    assert found > 3 * truth.mean()  # chance is once


@pytest.mark.parametrize("kind", ["unet", "resunet"])
def test_what_is_found_does_not_depend_on_a_side_being_even(kind, rng):
    network = build_unet(kind, 1, depth=2, width=2)
    image = rng.integers(0, 256, (16, 120, 3), np.uint8)
    predict = Predictor(network, 2)
    odd = predict(image[:, :117])
    assert odd.shape == (16, 117, 1)
    np.testing.assert_allclose(odd[:, :60], predict(image)[:, :60], atol=1)


def test_patches_are_a_function_of_the_step_and_show_every_class():
    eyes = [case for case in cases("phantom:8", "lesions") if case.split == "train"]
    make = partial(Patches, [case.image for case in eyes], eyes, 32, 8)
    one, two = make(1), make(1)
    np.testing.assert_array_equal(one.part(5)[1], list(two.batches(4, 6))[1][1])
    assert not np.array_equal(one.part(5)[0], make(2).part(5)[0])
    masks = np.concatenate([m for _, m in one.batches(0, 12)])
    assert masks.any((0, 1, 2)).all()
    assert set(np.unique(masks)) == {0, 255}


def test_image_and_masks_stay_together(eyes):
    """What is cut and turned of the image is cut and turned of the masks; colour is its own."""
    images = [case.masks.repeat(3, 2) * np.uint8(200) for case in eyes]
    image, masks = (part.numpy() for part in Patches(images, eyes, 32, 8, 1).part(0))
    np.testing.assert_array_equal(image > 0, masks.repeat(3, 3) > 0)
    assert len(np.unique(image)) > 8


def test_a_photograph_smaller_than_a_patch_is_padded(eyes):
    image, _ = Patches([eyes[0].image], eyes[:1], 160, 1, 1).part(0)
    assert image.shape == (1, 160, 160, 3)


@pytest.mark.parametrize("loss", [dice_loss, entropy, missed])
def test_losses_fall_with_agreement_and_have_gradients(loss, rng):
    masks = tf.constant(rng.random((2, 8, 8, 2)) < 0.3, tf.float32)
    right, wrong = 8 * masks - 4, 4 - 8 * masks
    assert loss(masks, right) < loss(masks, wrong)
    with tf.GradientTape() as tape:
        tape.watch(wrong)
        value = loss(masks, wrong)
    there = masks > 0 if loss is missed else tf.ones_like(masks, bool)
    assert np.all(tape.gradient(value, wrong)[there] != 0)


def test_what_is_missed_counts_alike_in_a_rare_class():
    masks = np.zeros((1, 8, 8, 3), np.float32)
    masks[0, :, :4, 0] = masks[0, 3, 3, 1] = 1  # half, one pixel, nothing
    logits = tf.fill(masks.shape, -5.0)
    assert float(missed(masks, logits)) == pytest.approx(np.log1p(np.exp(5)))
    assert float(missed(np.zeros_like(masks), logits)) == 0


def test_dice_of_nothing_is_defined():
    empty = tf.zeros((1, 4, 4, 1))
    assert float(dice_loss(empty, empty - 50)) == pytest.approx(0, abs=1e-6)
