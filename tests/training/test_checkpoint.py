import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.errors import UsageError
from srgan_keras.training.checkpoint import Checkpoints, State


def state(step, stage="stage1", **values):
    return State(stage, step, step, seed=1, **values)


def weights(model):
    return [v.numpy() for v in model.variables + model.optimizer.variables]


def test_all_that_a_stage_trains_comes_back(make, tiny, batch, tmp_path):
    import dataclasses

    averaged = dataclasses.replace(tiny, train=dataclasses.replace(tiny.train, ema_decay=0.9))
    model = make("stage2", averaged, precision="mixed_float16")
    model.train_step(batch)
    model.optimizer.dynamic_scale.assign(64.0)
    position = state(7, "stage2", row_start=5, row_sums={"total": 0.1}, skipped=2, val_psnr=30.0)
    Checkpoints(tmp_path, keep=2).save(model, position)
    other = make("stage2", averaged, precision="mixed_float16")
    checkpoints = Checkpoints(tmp_path, keep=2)
    found = checkpoints.newest()
    assert found == position
    checkpoints.restore(other, found)
    for a, b in zip(weights(model), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(other.optimizer.dynamic_scale) == 64.0
    assert int(other.discriminator_optimizer.iterations) == 1


def test_the_last_few_and_the_best_of_each_stage_are_kept(make, tmp_path):
    checkpoints, model = Checkpoints(tmp_path, keep=2), make("stage1")
    for step, psnr in enumerate([None, 31.0, 30.0, None, None, None], start=1):
        checkpoints.save(model, state(step, val_psnr=psnr))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("00000002-stage1", "00000005-stage1", "00000006-stage1")
    ]


@pytest.mark.parametrize("name", ["study [2024]", "a*b?", "back\\slash"])
def test_it_comes_back_from_a_folder_that_is_a_glob_to_tensorflow(make, tmp_path, name):
    if os.sep == "\\":
        pytest.skip("Windows has no such names")
    checkpoints, model, other = Checkpoints(tmp_path / name, keep=2), make("stage1"), make("stage1")
    model.generator.trainable_variables[0].assign_add(
        tf.ones_like(model.generator.trainable_variables[0])
    )
    checkpoints.save(model, state(3))
    checkpoints.restore(other, checkpoints.newest())
    for a, b in zip(weights(model), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("name", ["state.json", "weights.index", "weights.data-00000-of-00001"])
def test_a_damaged_one_falls_back_to_the_one_before(make, tmp_path, caplog, name, share):
    checkpoints, model = Checkpoints(tmp_path, keep=3), make("stage1")
    for step in (2, 4):
        checkpoints.save(model, state(step))
    damaged = tmp_path / "00000004-stage1" / name
    damaged.write_bytes(damaged.read_bytes()[: int(share * damaged.stat().st_size)])
    assert checkpoints.newest() == state(2)
    assert "00000004-stage1 is damaged" in caplog.text
    checkpoints.save(model, state(3))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000002-stage1", "00000003-stage1"]


def test_only_damaged_ones_are_an_error(make, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=3)
    assert checkpoints.newest() is None
    checkpoints.save(make("stage1"), state(2))
    (tmp_path / "00000002-stage1" / "weights.index").unlink()
    with pytest.raises(UsageError, match=r"every checkpoint in .* is damaged"):
        checkpoints.newest()


def test_one_that_cannot_be_written_leaves_the_others(make, tmp_path, monkeypatch):
    checkpoints, model = Checkpoints(tmp_path, keep=1), make("stage1")
    checkpoints.save(model, state(2))

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("srgan_keras.training.checkpoint._digests", full)
    with pytest.raises(UsageError, match="No space left"):
        checkpoints.save(model, state(4))
    monkeypatch.undo()
    assert checkpoints.newest() == state(2)
    assert [p.name for p in tmp_path.iterdir()] == ["00000002-stage1"]
    shutil.rmtree(tmp_path)
