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
from srgan_keras.output_folder import OutputFolder
from srgan_keras.training import loop
from srgan_keras.training.checkpoint import Checkpoints
from srgan_keras.training.monitor import COLUMNS, Monitor
from srgan_keras.training.optimizer import schedule
from srgan_keras.training.stages import Stage, stages

STEPS = 6
TRAIN = Train(
    batch_size=4,
    steps_per_call=2,
    log_every_steps=3,
    checkpoint_every_steps=2,
    validate_every_steps=5,
)


class Batches:
    """Data as a function of the step, as the real pipeline's."""

    def batches(self, start, stop):
        return tf.data.Dataset.range(start, stop).map(self._one)

    def part(self, step):
        return self._one(tf.constant(step, tf.int64))

    def names(self, step):
        return [f"photograph {step}"]

    @staticmethod
    def _one(step):
        hr = tf.random.stateless_uniform((4, 32, 32, 3), (1, step), 0, 256, tf.int32)
        hr = tf.cast(hr, tf.uint8)
        return hr[:, ::4, ::4], hr


def run(
    model,
    workdir,
    steps=STEPS,
    jit=False,
    validate=lambda step: {"val_psnr": 30.0},
    data=Batches(),  # noqa: B008
    train=TRAIN,
    checkpoints=None,
):
    workdir.mkdir(exist_ok=True)
    stage = Stage(model.name, 0, steps, 2.0, jit)
    checkpoints = checkpoints or Checkpoints(workdir / "checkpoints", keep=2)
    monitor = partial(Monitor, workdir, stage.name, stage.steps)
    shared = loop.Run(train, tf.distribute.get_strategy(), checkpoints, checkpoints.newest())
    loop.run_stage(shared, model, stage, data, monitor, validate)


def weights(model):
    networks = [model.generator, *([model.discriminator] if model.discriminator else [])]
    return [w for network in networks for w in network.get_weights()]


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_a_stage_leaves_history_checkpoints_and_logs(make, tmp_path, stage):
    model = make(stage)
    run(model, tmp_path)
    history = pd.read_csv(tmp_path / "history.csv")
    assert list(history["step"]) == [3, 5, 6]
    assert list(history["epoch"]) == [1.5, 2.5, 3.0]
    assert history["total"].notna().all()
    assert list(history["val_psnr"].notna()) == [False, True, True]
    names = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert names == [f"0000000{step}-{stage}" for step in (5, 6)]
    assert history["pixel_gradient"].notna().equals(history["val_psnr"].notna())
    assert history["data_wait"].between(0, 1).all()
    assert list((tmp_path / "logs" / stage).iterdir())


def test_logs_are_means_over_their_steps(make, tmp_path):
    model = make("stage1")
    model.optimizer.learning_rate = 0.0
    expected = [float(model.compute_gradients(b)[1]["total"]) for b in Batches().batches(0, 3)]
    run(model, tmp_path, steps=3)
    assert pd.read_csv(tmp_path / "history.csv")["total"][0] == pytest.approx(
        np.mean(expected), rel=1e-4
    )


def test_a_run_that_began_with_fewer_columns_goes_on(make, tmp_path):
    run(make("stage1"), tmp_path, steps=4)
    file = tmp_path / "history.csv"
    pd.read_csv(file).drop(columns="data_wait").to_csv(file, index=False)
    run(make("stage1"), tmp_path)
    history = pd.read_csv(file)
    assert tuple(history.columns) == COLUMNS
    assert history["images_per_s"].notna().all()
    assert history["step"].iloc[-1] == 6


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
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
    timed = ["images_per_s", "data_wait"]
    histories = [pd.read_csv(tmp_path / x / "history.csv").drop(columns=timed) for x in "ab"]
    pd.testing.assert_frame_equal(*histories)


def test_a_finished_stage_is_left_alone_and_no_row_is_lost(make, tmp_path):
    for steps in (3, 3, 6):
        run(make("stage1"), tmp_path, steps=steps)
    rows = pd.read_csv(tmp_path / "history.csv")[["stage", "step"]]
    assert list(rows.itertuples(index=False)) == [("stage1", 3), ("stage1", 5), ("stage1", 6)]


def test_a_signal_ends_with_a_checkpoint_and_its_status(make, tmp_path):
    def kill(step):
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    with pytest.raises(loop.StopSignalError) as error:
        run(make("stage1"), tmp_path, validate=kill)
    assert error.value.status == 143
    assert Checkpoints(tmp_path / "checkpoints", keep=2).newest().step == 5


def test_a_worker_that_keeps_no_checkpoint_does_not_say_so(make, tmp_path):
    def kill(step):
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    checkpoints = Checkpoints(tmp_path / "chief", keep=2, written=tmp_path / "own")
    with pytest.raises(loop.StopSignalError, match="this worker has stopped; the first one keeps"):
        run(make("stage1"), tmp_path, validate=kill, checkpoints=checkpoints)
    assert checkpoints.newest() is None


def test_a_signal_in_the_last_validation_ends_the_run_too(make, tmp_path):
    def kill(step):
        if step == STEPS:
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    with pytest.raises(loop.StopSignalError):
        run(make("stage1"), tmp_path, validate=kill)
    assert Checkpoints(tmp_path / "checkpoints", keep=2).newest().step == STEPS


def test_a_history_that_a_full_disk_left_empty_begins_anew(make, tmp_path):
    OutputFolder(tmp_path).claim("history.csv")
    (tmp_path / "history.csv").touch()
    run(make("stage1"), tmp_path)
    assert len(pd.read_csv(tmp_path / "history.csv")) == 3


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(make, tmp_path, monkeypatch):
    model = make("stage1")
    compute = model.compute_gradients

    def poisoned(*arguments):
        gradients, logs = compute(*arguments)
        bad = tf.where(model.optimizer.iterations.value == 3, np.nan, 1.0)
        return gradients, {name: value * bad for name, value in logs.items()}

    monkeypatch.setattr(model, "compute_gradients", poisoned)
    message = "stage stage1, step 4: the term 'pixel' is nan.*photograph 3"
    with pytest.raises(loop.NonFiniteError, match=message) as error:
        run(model, tmp_path)
    assert error.value.status == 3
    assert Checkpoints(tmp_path / "checkpoints", keep=2).newest().step == 2


def test_twenty_skipped_steps_in_a_row_stop_a_run(make, tmp_path, monkeypatch):
    model = make("stage1", precision="mixed_float16")
    compute = model.compute_gradients

    def poisoned(*arguments):
        (g, d), logs = compute(*arguments)
        return ([x * np.inf for x in g], d), logs

    monkeypatch.setattr(model, "compute_gradients", poisoned)
    with pytest.raises(loop.NonFiniteError, match=r"step 20: the loss scaler skipped 20 steps"):
        run(model, tmp_path, steps=30)
    assert Checkpoints(tmp_path / "checkpoints", keep=2).newest().skipped == 18


def test_accumulated_parts_equal_the_whole_batch(make, tmp_path):
    whole, parts = make("stage2"), make("stage2")
    for model in (whole, parts):
        model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    run(whole, tmp_path / "a", steps=2)
    run(parts, tmp_path / "b", steps=2, train=dataclasses.replace(TRAIN, accumulate=2))
    for a, b in zip(weights(whole), weights(parts), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_xla_computes_the_same(make, tiny, tmp_path):
    loss = dataclasses.replace(tiny.loss, feature_jitter=3)
    plain, compiled = (make("stage2", dataclasses.replace(tiny, loss=loss)) for _ in range(2))
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
    assert [(s.name, s.steps) for s in plan] == [("stage1", 8)], "30 crops in batches of 4"
    train = dataclasses.replace(train, stage2_steps=5)
    plan = stages(dataclasses.replace(tiny, train=train), photographs=10)
    assert [(s.name, s.first) for s in plan] == [("stage1", 0), ("stage2", 8)]
