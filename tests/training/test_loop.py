import dataclasses
import os
import signal
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from srgan_keras.config import Train
from srgan_keras.training import loop
from srgan_keras.training.checkpoint import Checkpoint
from srgan_keras.training.monitor import Monitor
from srgan_keras.training.stages import Stage, schedule, stages

STEPS = 6
TRAIN = Train(
    batch_size=4,
    steps_per_call=2,
    log_every_steps=3,
    checkpoint_every_steps=2,
    validate_every_steps=5,
)


def batches(start, stop):
    """Data as a function of the step, as the real pipeline's."""

    def one(step):
        hr = tf.random.stateless_uniform((4, 32, 32, 3), (1, step), 0, 256, tf.int32)
        hr = tf.cast(hr, tf.uint8)
        return hr[:, ::4, ::4], hr

    return tf.data.Dataset.range(start, stop).map(one)


def run(
    model, workdir, steps=STEPS, jit=False, validate=lambda step: {"val_psnr": 30.0}, data=batches
):
    workdir.mkdir(exist_ok=True)
    stage = Stage(model.name, 0, steps, 2.0)
    checkpoint = Checkpoint(model, workdir / "checkpoints", keep=2)
    monitor = partial(Monitor, workdir, stage.name, stage.steps)
    strategy = tf.distribute.get_strategy()
    loop.run_stage(model, stage, TRAIN, strategy, jit, data, checkpoint, monitor, validate)


def weights(model):
    networks = [model.generator, *([model.discriminator] if model.discriminator else [])]
    return [w for network in networks for w in network.get_weights()]


@pytest.mark.parametrize("stage", ["content", "srgan"])
def test_a_stage_leaves_history_checkpoints_and_logs(make, tmp_path, stage):
    model = make(stage)
    run(model, tmp_path)
    history = pd.read_csv(tmp_path / "history.csv")
    assert list(history["step"]) == [3, 5, 6]
    assert list(history["epoch"]) == [1.5, 2.5, 3.0]
    assert history["total"].notna().all()
    assert list(history["val_psnr"].notna()) == [False, True, True]
    assert len(list((tmp_path / "checkpoints").glob("*.index"))) == 2
    assert list((tmp_path / "logs" / stage).iterdir())


def test_logs_are_means_over_their_steps(make, tmp_path):
    model = make("content")
    model.optimizer.learning_rate = 0.0
    expected = [float(model.compute_gradients(b)[1]["total"]) for b in batches(0, 3)]
    run(model, tmp_path, steps=3)
    assert pd.read_csv(tmp_path / "history.csv")["total"][0] == pytest.approx(
        np.mean(expected), rel=1e-4
    )


@pytest.mark.parametrize("stage", ["content", "srgan"])
def test_resume_equals_uninterrupted(make, tmp_path, stage):
    straight = make(stage)
    run(straight, tmp_path / "a")

    def stop(step):
        raise KeyboardInterrupt

    interrupted = make(stage)
    with pytest.raises(KeyboardInterrupt):
        run(interrupted, tmp_path / "b", validate=stop)  # dies at step 5; checkpoints at 2 and 4
    resumed = make(stage)
    run(resumed, tmp_path / "b")
    for a, b in zip(weights(straight), weights(resumed), strict=True):
        np.testing.assert_array_equal(a, b)
    histories = [pd.read_csv(tmp_path / x / "history.csv") for x in "ab"]
    assert list(histories[0]["step"]) == list(histories[1]["step"])


def test_a_finished_stage_is_left_alone_and_no_row_is_lost(make, tmp_path):
    def both_stages(steps):
        for name in ("content", "srgan"):
            model, stage = make(name), Stage(name, 0, steps[name], 2.0)
            checkpoint = Checkpoint(model, tmp_path / name, keep=2)
            monitor = partial(Monitor, tmp_path, name, stage.steps)
            strategy = tf.distribute.get_strategy()
            loop.run_stage(
                model, stage, TRAIN, strategy, False, batches, checkpoint, monitor, lambda step: {}
            )
        return list(
            pd.read_csv(tmp_path / "history.csv")[["stage", "step"]].itertuples(index=False)
        )

    before = both_stages({"content": 3, "srgan": 3})
    after = both_stages({"content": 3, "srgan": 6})
    assert before == [("content", 3), ("srgan", 3)]
    assert after == [*before, ("srgan", 5), ("srgan", 6)]


def test_a_signal_ends_with_a_checkpoint_and_its_status(make, tmp_path):
    def kill(step):
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    with pytest.raises(loop.StopSignalError) as error:
        run(make("content"), tmp_path, validate=kill)
    assert error.value.status == 143
    model = make("content")
    assert Checkpoint(model, tmp_path / "checkpoints", keep=2).restore() == 5


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(make, tmp_path):
    model = make("content")
    run(model, tmp_path, steps=2)
    poisoned = make("content")

    def data(start, stop):
        kernel = poisoned.generator.get_layer("head_conv").kernel
        kernel.assign(kernel * np.nan)
        return batches(start, stop)

    with pytest.raises(loop.NonFiniteError, match="stage content, steps 3 to 3") as error:
        run(poisoned, tmp_path, data=data)
    assert error.value.status == 3
    assert Checkpoint(make("content"), tmp_path / "checkpoints", keep=2).restore() == 2


def test_xla_computes_the_same(make, tmp_path):
    plain, compiled = make("srgan"), make("srgan")
    for model in (plain, compiled):  # Adam would turn rounding into signs
        model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    run(plain, tmp_path / "a", steps=2)
    run(compiled, tmp_path / "b", steps=2, jit=True)
    for a, b in zip(weights(plain), weights(compiled), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_schedules():
    cosine, halving = schedule("cosine", 1.0, 100, 0), schedule("halving", 1.0, 100, 10)
    assert [round(float(cosine(s)), 3) for s in (0, 50, 100)] == [1.0, 0.505, 0.01]
    assert [float(halving(s)) for s in (0, 9, 10, 20)] == [1.0, 1.0, 0.5, 0.25]
    assert schedule("constant", 1.0, 100, 10) == 1.0


def test_epochs_become_steps(tiny):
    train = dataclasses.replace(tiny.train, stage1_steps=None, stage1_epochs=3.0, stage2_steps=0)
    plan = stages(dataclasses.replace(tiny, train=train), photographs=10)
    assert [(s.name, s.steps) for s in plan] == [("content", 8)], "30 crops in batches of 4"
    train = dataclasses.replace(train, stage2_steps=5)
    plan = stages(dataclasses.replace(tiny, train=train), photographs=10)
    assert [(s.name, s.first) for s in plan] == [("content", 0), ("srgan", 8)]
