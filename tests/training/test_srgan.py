import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from srgan_keras import losses
from srgan_keras.config import Discriminator, Generator, Loss
from srgan_keras.training.model import to_float


def with_loss(config, **weights):
    zero = {"stage2_pixel_weight": 0.0, "stage2_content_weight": 0.0, "adversarial_weight": 0.0}
    return dataclasses.replace(config, loss=Loss(**zero | weights))


def values(variables):
    return [v.numpy() for v in variables]


def changed(before, after):
    return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    "weights",
    [{"stage2_pixel_weight": 1.0}, {"stage2_content_weight": 1.0}, {"adversarial_weight": 1.0}],
)
def test_each_term_reaches_every_weight_of_the_generator(make, tiny, batch, weights):
    model = make("stage2", with_loss(tiny, **weights))
    (gradients, _), logs = model.compute_gradients(batch)
    assert logs["total"] > 0
    assert all(np.abs(g).max() > 0 for g in gradients)


@pytest.mark.parametrize("term", ["pixel", "content"])
def test_each_term_of_stage_1_reaches_every_weight_and_is_left_out_at_zero(make, tiny, batch, term):
    weights = {"stage1_pixel_weight": 0.0} | {f"stage1_{term}_weight": 0.5}
    model = make(
        "stage1", dataclasses.replace(tiny, loss=dataclasses.replace(tiny.loss, **weights))
    )
    (gradients, _), logs = model.compute_gradients(batch)
    assert all(np.abs(g).max() > 0 for g in gradients)
    assert set(logs) == set(model.log_names) == {term, "total"}
    assert set(model.gradient_norms(batch)) == {f"{term}_gradient"}


def test_a_term_of_weight_zero_reaches_nothing(make, tiny, batch):
    only_pixel = make("stage2", with_loss(tiny, stage2_pixel_weight=1.0))
    (gradients, _), logs = only_pixel.compute_gradients(batch)
    (expected, _), _ = make("stage1").compute_gradients(batch)
    for a, b in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)
    assert "content" not in logs
    assert "adversarial" not in logs


@pytest.mark.parametrize("kind", ["vgg19", "srgan"])
def test_each_update_leaves_the_other_network_alone(make, tiny, batch, kind):
    d = dataclasses.replace(tiny.discriminator, kind=kind)
    model = make("stage2", dataclasses.replace(tiny, discriminator=d))
    model.features.trainable = False
    (g_gradients, d_gradients), _ = model.compute_gradients(batch)
    g, d, vgg = (m.variables for m in (model.generator, model.discriminator, model.features))
    trained_d = model.discriminator.trainable_variables

    before = [values(v) for v in (g, trained_d, vgg)]
    model.optimizer.apply(g_gradients, model.generator.trainable_variables)
    after_g = [values(v) for v in (g, trained_d, vgg)]
    assert any(changed(before[0], after_g[0]))
    assert not any(changed(before[1], after_g[1]) + changed(before[2], after_g[2]))

    model.discriminator_optimizer.apply(d_gradients, trained_d)
    after_d = [values(v) for v in (g, trained_d, vgg)]
    assert any(changed(after_g[1], after_d[1]))
    assert not any(changed(after_g[0], after_d[0]) + changed(after_g[2], after_d[2]))


def test_the_discriminators_gradient_does_not_depend_on_the_generators_loss(make, tiny, batch):
    (_, one), _ = make("stage2", with_loss(tiny, adversarial_weight=1.0)).compute_gradients(batch)
    (_, other), _ = make("stage2", with_loss(tiny, stage2_pixel_weight=3.0)).compute_gradients(
        batch
    )
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("frozen_blocks", [1, 2])
def test_a_step_equals_the_plain_formulation(make, tiny, vgg, batch, frozen_blocks):
    """VGG-19 and D called separately, whole, on HR and on SR, with one tape a network."""
    config = dataclasses.replace(
        tiny,
        discriminator=dataclasses.replace(
            tiny.discriminator, trunk_layer="block2_conv2", frozen_blocks=frozen_blocks
        ),
    )
    model = make("stage2", config)
    (g_gradients, d_gradients), logs = model.compute_gradients(batch)

    from srgan_keras.models.discriminators import whole
    from srgan_keras.models.vgg19 import build_features

    d = whole(model.discriminator, config.discriminator, vgg)
    phi = build_features(vgg, config.vgg, {"content": config.vgg.layer})
    lr, hr = (to_float(x) for x in batch)
    g, loss = model.generator, config.loss
    with tf.GradientTape() as tape:
        sr = g(lr, training=True)
        total = tf.reduce_mean(
            losses.pixel_loss(hr, sr, loss.pixel)
            + loss.stage2_content_weight
            * losses.content_loss(phi(hr)["content"], phi(sr)["content"], loss.content)
            + loss.adversarial_weight * losses.adversarial_loss(d(sr))
        )
    expected_g = tape.gradient(total, g.trainable_variables)
    sr = g(lr, training=True)
    with tf.GradientTape() as tape:
        d_loss = tf.reduce_mean(losses.discriminator_loss(d(hr), d(sr)))
    expected_d = tape.gradient(d_loss, model.discriminator.trainable_variables)
    np.testing.assert_allclose(logs["total"], total, rtol=1e-5)
    np.testing.assert_allclose(logs["discriminator"], d_loss, rtol=1e-5)
    pairs = zip(g_gradients + d_gradients, expected_g + expected_d, strict=True)
    for actual, expected in pairs:
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-6)


def test_gradient_norms_show_an_inert_term(make, tiny, batch):
    loss = dataclasses.replace(tiny.loss, adversarial_weight=1e-9)
    model = make("stage2", dataclasses.replace(tiny, loss=loss))
    assert set(model.compute_gradients(batch)[1]) == set(model.log_names)
    norms = {k: float(v) for k, v in model.gradient_norms(batch).items()}
    assert norms["pixel_gradient"] > 0
    assert 0 < norms["adversarial_gradient"] < 1e-3 * norms["pixel_gradient"]


def test_vgg_looks_from_a_corner_that_moves_with_the_step(make, tiny, batch):
    loss = dataclasses.replace(tiny.loss, stage1_content_weight=1.0, feature_jitter=5)
    model = make("stage1", dataclasses.replace(tiny, loss=loss))
    hr, sr = to_float(batch[1]), model(to_float(batch[0]), training=True)
    corners = set()
    for step in range(6):
        model.optimizer.iterations.assign(step)
        top, left = (int(x) for x in model._jitter())
        corners.add((top, left))
        assert 0 <= min(top, left) <= max(top, left) <= 5
        maps = [model.features(x[:, top : top + 27, left : left + 27])["content"] for x in (hr, sr)]
        expected = tf.reduce_mean(losses.content_loss(*maps, loss.content))
        _, logs = model.compute_gradients(batch)
        np.testing.assert_allclose(logs["content"], expected, rtol=1e-5)
    assert len(corners) > 3


def test_the_average_follows_weights_and_statistics(make, tiny, batch):
    config = dataclasses.replace(
        tiny,
        generator=dataclasses.replace(tiny.generator, batch_norm=True),
        train=dataclasses.replace(tiny.train, ema_decay=0.25),
    )
    model = make("stage1", config)
    start, path = values(model.generator.weights), []
    for _ in range(3):
        model.train_step(batch)
        path.append(values(model.generator.weights))
    decays = [min(0.25, (1 + n) / (10 + n)) for n in (1, 2, 3)]
    for i, average in enumerate(model.averaged.weights):
        expected = start[i]
        for decay, weights in zip(decays, path, strict=True):
            expected = decay * expected + (1 - decay) * weights[i]
        np.testing.assert_allclose(average, expected, rtol=1e-4, atol=1e-6)
    names = [w.path for w in model.averaged.weights]
    assert any("moving_variance" in name for name in names)
    averaged = {id(w) for w in model.averaged.weights}
    assert not averaged & {id(v) for v in model.trainable_variables}
    model.take_average()
    np.testing.assert_array_equal(model.generator.weights[0], model.averaged.weights[0])


def test_a_loss_scaler_skips_a_step_that_is_not_finite(make, tiny, batch):
    model = make("stage2", precision="mixed_float16")
    gradients, _ = model.compute_gradients(batch)
    scale = model.optimizer.initial_scale
    np.testing.assert_allclose(
        gradients[0][0] / scale,
        make("stage2").compute_gradients(batch)[0][0][0],
        rtol=1e-3,
        atol=1e-7,
    )
    before = values(model.generator.weights)
    poisoned = ([g * np.inf for g in gradients[0]], gradients[1])
    assert not model.apply_gradients(poisoned)
    assert not any(changed(before, values(model.generator.weights)))
    assert float(model.optimizer.dynamic_scale) == scale / 2
    assert model.apply_gradients(gradients)
    assert any(changed(before, values(model.generator.weights)))


def test_clipping_bounds_the_step(make, tiny, batch):
    clipped = make(
        "stage1", dataclasses.replace(tiny, train=dataclasses.replace(tiny.train, clip_norm=1e-3))
    )
    gradients, _ = clipped.compute_gradients(batch)
    clipped.apply_gradients(gradients)
    moments = [v.numpy() for v in clipped.optimizer.variables if "momentum" in v.path]
    norm = np.sqrt(sum((m**2).sum() for m in moments))
    assert norm == pytest.approx(0.1 * 1e-3, rel=1e-3), "Adam's first moment is a tenth of it"


def test_it_works_in_fit_and_improves_on_its_start(make, batch):
    data = tf.data.Dataset.from_tensors(batch).repeat(60)
    for name in ("stage1", "stage2"):
        model = make(name)
        model.optimizer.learning_rate = 3e-3
        before = model.evaluate(data.take(1), return_dict=True, verbose=0)["psnr"]
        history = model.fit(data, shuffle=False, verbose=0).history
        assert set(model.log_names) == set(history)
        assert model.evaluate(data.take(1), return_dict=True, verbose=0)["psnr"] > before + 0.3


def test_evaluation_leaves_moving_statistics_and_training_mode_alone(make, tiny, batch):
    config = dataclasses.replace(
        tiny,
        generator=dataclasses.replace(tiny.generator, batch_norm=True),
        discriminator=Discriminator("srgan", dense_units=4),
    )
    model = make("stage2", config)
    model.train_step(batch)
    moving = values(model.generator.non_trainable_variables)
    model.test_step(batch)
    assert not any(changed(moving, values(model.generator.non_trainable_variables)))
    model.train_step(batch)
    assert all(changed(moving, values(model.generator.non_trainable_variables))), (
        "training goes on with batch statistics"
    )


def test_losses_are_divided_by_the_global_batch(make, batch):
    model = make("stage1")
    _, whole = model.compute_gradients(batch)
    halves = [
        model.compute_gradients([x[part] for x in batch])[1] for part in (slice(2), slice(2, 4))
    ]
    assert sum(float(h["total"]) for h in halves) == pytest.approx(float(whole["total"]), rel=1e-5)


def test_mixed_precision_keeps_losses_in_float32(make, batch):
    keras.config.set_dtype_policy("mixed_bfloat16")
    (gradients, _), logs = make("stage2").compute_gradients(batch)
    assert {v.dtype for v in logs.values()} == {tf.float32}
    assert {g.dtype for g in gradients} == {tf.float32}


def test_a_teachers_sr_takes_the_place_of_hr_in_the_pixel_term(make, tiny, batch):
    teacher = make("stage1").generator
    same = make("stage1", teacher=teacher).compute_gradients(batch)[1]
    assert same["pixel"] == 0, "G begins as its own teacher"
    sr = teacher(to_float(batch[0])).numpy()
    other = make("stage1", dataclasses.replace(tiny, generator=Generator(1, 4)), teacher=teacher)
    (gradients, _), logs = other.compute_gradients(batch)
    distance = np.abs(other.generator(to_float(batch[0])) - sr).mean()
    np.testing.assert_allclose(logs["pixel"], distance, rtol=1e-5)
    assert len(gradients) == len(other.generator.trainable_variables)
