"""A run from configuration to model folders: `python -m srgan_keras.train`, `srgan-keras train`.

Reads from top to bottom. What a run goes on from, in this order:
1. `run.json` says that it is finished: it says so and ends;
2. the newest checkpoint that is whole, of either stage;
3. nothing: weights drawn from train.seed.
"""

import runpy
import sys

if __name__ == "__main__":  # before TensorFlow is imported below: --help answers at once
    sys.argv.insert(1, "train")
    runpy.run_module("srgan_keras", run_name="__main__")
    sys.exit()

import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from srgan_keras import evaluate, machine
from srgan_keras.config import Config
from srgan_keras.data import cache, datasets, prepared
from srgan_keras.data.degradations import operator
from srgan_keras.data.pairs import pairs, shown
from srgan_keras.errors import UsageError
from srgan_keras.evaluation import protocol
from srgan_keras.evaluation.validation import Validation
from srgan_keras.export import model_folder
from srgan_keras.inference.model import load
from srgan_keras.models.generator import build_generator
from srgan_keras.models.vgg19 import build_vgg19
from srgan_keras.report import figures
from srgan_keras.report import page as report
from srgan_keras.report.markdown import table
from srgan_keras.training import jit, loop, strategy
from srgan_keras.training.checkpoint import Checkpoints
from srgan_keras.training.monitor import Monitor
from srgan_keras.training.srgan import SRGAN
from srgan_keras.training.stages import build, needs_vgg, stages
from srgan_keras.training.steps import compiled_gradients
from srgan_keras.training.workdir import WorkDir, WorkerDir, recorded_auto

log = logging.getLogger(__name__)


def train(config: Config, workdir: Path, overwrite: bool = False) -> None:
    """Train both stages, write their model folders, measure them on photographs never trained on.

    Args:
        config: validated settings.
        workdir: goes on with the run that it holds.
        overwrite: start anew instead.

    Raises:
        UsageError: wrong input.
        NonFiniteError, StopSignalError, LostWorkerError: see `training/`.
    """
    # === Devices ===
    if config.train.deterministic:
        tf.config.experimental.enable_op_determinism()
    recorded = {} if overwrite else recorded_auto(workdir)
    devices, name = strategy.create(recorded.get("strategy", config.train.strategy))
    with strategy.lost_workers(devices):
        # === Work folder: the chief first, the others read what it wrote ===
        with strategy.chief_first(devices):
            chief = strategy.is_chief(devices)
            work = WorkDir(workdir, config, overwrite) if chief else WorkerDir(workdir)
        with closing(work):
            if work.record["finished"]:
                log.info("%s holds a finished run; --overwrite starts anew", workdir)
                return
            _train(config, devices, name, workdir, work)


def _train(
    config: Config, devices: tf.distribute.Strategy, name: str, workdir: Path, work: WorkDir
) -> None:
    # === Photographs ===
    chief = strategy.is_chief(devices)
    eval_side = config.eval.hr_long_side
    eval_side = config.data.hr_long_side if eval_side is None else eval_side
    for side in (config.data.hr_long_side, eval_side):
        fov_mask_version = prepared.check(config.data.source, side, crop=config.data.fov_crop)
    with strategy.chief_first(devices):
        parts = photographs(config.data.source)
        decoded = cache.build(parts["train"], config.data, workdir / "cache")
    data = Crops(decoded, config, devices)

    # === What each auto becomes: once a run ===
    auto = work.record["auto"]
    replicas = devices.num_replicas_in_sync
    if auto.setdefault("replicas", replicas) != replicas:
        raise UsageError(
            f"{workdir} was begun on {auto['replicas']} devices, and here are {replicas}: go on "
            "where there are as many, or start anew with --overwrite"
        )
    if config.train.batch_size % (replicas * config.train.accumulate):
        raise UsageError(
            f"train.batch_size {config.train.batch_size} does not divide into {replicas} devices "
            f"x train.accumulate {config.train.accumulate}"
        )
    if name == "multi_worker" and "auto" in (config.train.precision, config.vgg.weights):
        raise UsageError(
            "several machines must agree: give --train.precision and --vgg.weights, not auto"
        )
    auto["strategy"] = name
    auto.setdefault("precision", machine.resolve_precision(config.train.precision, name))
    keras.config.set_dtype_policy(auto["precision"])

    # === Networks ===
    plan = stages(config, len(decoded))
    origin = load(config.train.init_from) if config.train.init_from else None
    with devices.scope():
        keras.utils.set_random_seed(config.train.seed)
        if origin:
            g = origin.generator(config.generator, config.degradation.scale)
            normalisation = origin.info["normalisation"]
        else:
            g = build_generator(
                config.generator, config.degradation.scale, decoded.mean, decoded.std
            )
            normalisation = {"mean": decoded.mean, "std": decoded.std}
        vgg = None
        if any(needs_vgg(config, stage.name) for stage in plan):
            # a run that began with random weights goes on with them
            vgg, auto["vgg"] = build_vgg19(auto.get("vgg", config.vgg.weights))
    work.save()

    # === Training ===
    hashes = [p.sha256 for p in parts["train"]]
    if origin:  # what it was trained on has been seen too
        hashes = sorted({*hashes, *origin.info["training_sha256"]})
    info = {
        "scale": config.degradation.scale,
        "degradation": {
            "name": config.degradation.name,
            "version": operator(config.degradation.name, config.degradation.version).version,
        },
        "normalisation": normalisation,
        "training_set": config.data.source,
        "training_sha256": hashes,
        "vgg_weights": auto.get("vgg"),
        "configuration": asdict(config),
    }
    standard = protocol.Standard(
        config.degradation.scale,
        config.degradation.name,
        eval_side,
        fov_mask_version,
        config.degradation.version,
        config.degradation.clinical,
    )
    samples = work.path / "samples"
    samples.mkdir(parents=True, exist_ok=True)

    def draw(lr: np.ndarray, sr: np.ndarray, hr: np.ndarray, name: str) -> None:
        figures.sample_strip(lr, sr, hr, samples / name)

    validation = Validation(parts["validation"], standard, draw)
    checkpoints = Checkpoints(
        workdir / "checkpoints", config.train.keep_checkpoints, work.path / "checkpoints"
    )
    newest = checkpoints.newest()

    for stage in plan:
        folder = workdir / "models" / stage.name
        own = newest if newest and newest.stage == stage.name else None
        if own and own.step > stage.steps:
            raise UsageError(
                f"{workdir} has done {own.step} steps of stage {stage.name}, more than "
                f"{stage.steps}: give it as many, or start anew with --overwrite"
            )
        if newest and newest.run_step > stage.first + stage.steps:
            continue  # a later stage has begun, from what this one left
        if chief and own and own.step < stage.steps:  # a shorter one may have left its model
            shutil.rmtree(folder, ignore_errors=True)
        with devices.scope():
            # the weights of D must not depend on whether stage 1 ran in this process
            keras.utils.set_random_seed(config.train.seed + stage.first)
            model = build(stage, g, vgg, config, auto["precision"])
        if stage.name not in auto.setdefault("jit", {}):
            auto["jit"][stage.name] = jit.resolve_jit(
                config.train, replicas, partial(timed_step, model, config, data.part(0))
            )
            work.save()
        log.info("stage %s: %d steps, %s", stage.name, stage.steps, auto)
        loop.run_stage(
            model,
            stage,
            config.train,
            devices,
            auto["jit"][stage.name],
            data,
            checkpoints,
            own,
            partial(Monitor, work.path, stage.name, stage.steps),
            validation.of(stage.name, model.averaged),
        )
        model.take_average()
        if chief and not folder.exists():
            model_folder.save(folder, g, {"name": stage.name, **info})

    with strategy.chief_first(devices):
        if chief:
            names = [stage.name for stage in plan]
            measure(config, workdir, names, parts["test"], standard)
            work.finish()


def measure(
    config: Config,
    workdir: Path,
    names: list[str],
    test: list[datasets.Photograph],
    standard: protocol.Standard,
) -> None:
    """Measure the run's models on photographs never trained on; draw pictures and the report."""
    models = [load(workdir / "models" / name) for name in names]
    protocols = [p for p in (standard, protocol.Author()) if p.name in config.eval.protocols]
    protocols = [p for p in protocols if p.scale == standard.scale]
    if any(p.mask_path for p in test) and "author" in config.eval.protocols:
        log.warning("protocol author measures originals, not a prepared folder: left out")
        protocols = [p for p in protocols if p.name == standard.name]
    figures.comparison(models, test, standard, workdir / "comparison.png")
    figures.curves(pd.read_csv(workdir / "history.csv"), workdir / "curves.png")
    if not protocols:
        log.warning("no protocol to measure by: %s gets no metrics and no report", workdir)
        return
    result = evaluate.evaluate(models, test, protocols, workdir, config.data.source, trust=True)
    log.info("%s", table(result))
    report.write(workdir, models)
    log.info("done: %s holds model folders, figures and report.html", workdir)


def photographs(source: str) -> dict[str, list[datasets.Photograph]]:
    """Return the photographs of each split, and say how many there are."""
    found = datasets.find(source)
    parts = {split: datasets.select(found, split) for split in datasets.SPLITS}
    counts = ", ".join(f"{len(part)} {split}" for split, part in parts.items())
    log.info("%s: %d photographs (%s)", source, len(found), counts)
    for split in datasets.SPLITS:
        if not parts[split]:
            raise UsageError(
                f"{source} has no {split} photographs ({counts}): give at least three "
                "photographs, or folders named train, validation and test"
            )
    return parts


class Crops:
    """What the loop trains on: crops of the decoded photographs, shared out to the devices."""

    def __init__(
        self, decoded: cache.Cache, config: Config, devices: tf.distribute.Strategy
    ) -> None:
        self.decoded, self.config, self.devices = decoded, config, devices

    def batches(self, start: int, stop: int) -> tf.distribute.DistributedDataset:
        """Return the batches of steps start .. stop - 1, for all devices."""
        return strategy.distribute(
            self.devices, partial(pairs, self.decoded, self.config, start, stop)
        )

    def part(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return as much of a step's batch as is computed at once."""
        parts = self.devices.num_replicas_in_sync * self.config.train.accumulate
        return next(iter(pairs(self.decoded, self.config, step, step + 1, replicas=parts)))

    def names(self, step: int) -> list[str]:
        """Return the photographs that a step's crops are from."""
        return shown(self.decoded, self.config, step)


def timed_step(
    model: SRGAN, config: Config, batch: tuple[tf.Tensor, tf.Tensor], jit: bool
) -> Callable[[], None]:
    """Return a function that computes one part's gradients and leaves the model as it was."""
    compute = tf.function(compiled_gradients(model, 1, jit))
    networks = [n for n in (model.generator, model.discriminator) if n is not None]

    def step() -> None:
        moving = [(v, v.numpy()) for n in networks for v in n.non_trainable_variables]
        compute(batch)[1]["total"].numpy()
        for variable, value in moving:
            variable.assign(value)

    return step
