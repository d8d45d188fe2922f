"""A run from configuration to model folders: `python -m srgan_keras.train`, `srgan-keras train`.

Reads from top to bottom. A run starts from the first of these that applies:
1. `run.json` says that the run is finished: it says so and ends;
2. the newest checkpoint that is whole, of either stage;
3. otherwise, weights drawn from train.seed.
"""

import runpy
import sys

if __name__ == "__main__":  # before TensorFlow is imported below: --help answers at once
    sys.argv.insert(1, "train")
    runpy.run_module("srgan_keras", run_name="__main__")
    sys.exit()

import logging
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from srgan_keras import configure, evaluate, machine, process
from srgan_keras.config import Config
from srgan_keras.data import cache, datasets, prepared
from srgan_keras.data.degradations import PAIRED, PAIRED_VERSION, operator
from srgan_keras.errors import UsageError
from srgan_keras.evaluation import protocol
from srgan_keras.evaluation.trust import Trust
from srgan_keras.evaluation.validation import Validation
from srgan_keras.export import model_folder
from srgan_keras.inference.model import load
from srgan_keras.output_folder import OutputFolder
from srgan_keras.private_apis import deterministic_operations
from srgan_keras.report import figures
from srgan_keras.report import page as report
from srgan_keras.report.markdown import table
from srgan_keras.training import jit, loop, strategy
from srgan_keras.training.checkpoint import Checkpoints
from srgan_keras.training.crops import Crops
from srgan_keras.training.held import hold_photographs
from srgan_keras.training.monitor import Monitor
from srgan_keras.training.networks import build_networks
from srgan_keras.training.run_dir import RunDir, WorkerDir, resumable
from srgan_keras.training.srgan import SRGAN
from srgan_keras.training.stages import Networks, Stage, build, stages
from srgan_keras.training.steps import compiled_gradients

log = logging.getLogger(__name__)

Photographs = dict[str, list[datasets.Photograph]]
"""The photographs of each split."""


def train(config: Config, workdir: Path, overwrite: bool = False) -> None:
    """Train both stages, write their model folders, measure them on photographs never trained on.

    Args:
        config: validated settings.
        workdir: the run directory. The run that it holds is resumed.
        overwrite: start over instead, unless an earlier call with the same arguments, `overwrite`
            included, was interrupted: then its run is resumed.

    Raises:
        UsageError: wrong input, or Keras has another backend than TensorFlow.
        NonFiniteError, StopSignalError, LostWorkerError: see `training/`.
    """
    process.check_backend()
    config = _with_degradation(config)
    recorded = resumable(workdir, config, overwrite) or {"auto": {}}
    devices, name = strategy.create(recorded["auto"].get("strategy", config.train.strategy))
    determinism = deterministic_operations() if config.train.deterministic else nullcontext()
    read = lru_cache(partial(_read, config))
    with strategy.lost_workers(devices), process.random_state(), determinism:
        # the chief first: the others read what it wrote
        with strategy.chief_first(devices):
            chief = strategy.is_chief(devices)
            if chief and overwrite:
                read()  # a wrong DATASET must not cost the run that is there
            opened = partial(RunDir, workdir, config, overwrite, inputs=_inputs(config))
            work = opened() if chief else WorkerDir(workdir)
        with closing(work):
            if work.record["finished"]:
                log.info("%s holds a finished run. To start over, set overwrite.", workdir)
                return
            _train(_Run(config, workdir, devices, work, chief), name, read)


def _with_degradation(config: Config) -> Config:
    """Return the settings of a run whose LR may come from a paired dataset.

    Raises:
        UsageError: the degradation makes no LR to learn from.
    """
    source = config.data.source
    if not datasets.is_paired(source):
        configure.validate_degradation(config.degradation)
        return config
    log.info("%s is a paired dataset: LR is that of lr/, no degradation makes it", source)
    return replace(config, degradation=replace(config.degradation, name=PAIRED, version=None))


def _inputs(config: Config) -> list[Path]:
    """Return the files and folders that a run reads."""
    named = (
        prepared.folder(config.data.source),
        config.train.init_from,
        config.train.teacher,
        config.vgg.weights,
    )
    return [Path(name) for name in named if name and Path(name).exists()]


@dataclass(frozen=True)
class _Run:
    """A run's settings, its directory, its devices; `work` is the chief's or a worker's own."""

    config: Config
    workdir: Path
    devices: tf.distribute.Strategy
    work: RunDir
    chief: bool


def _read(config: Config) -> tuple[protocol.Standard, Photographs]:
    return _standard_protocol(config), photographs(config.data.source)


def _train(
    run: _Run, strategy_name: str, read: Callable[[], tuple[protocol.Standard, Photographs]]
) -> None:
    config = run.config
    # === Photographs ===
    with strategy.chief_first(run.devices):
        standard, parts = read()
        hold_photographs(run.work, parts)
        folder, scale = run.workdir / "cache", config.degradation.scale
        decoded = cache.build(parts["train"], config.data, folder, scale)
    _resolve(run, strategy_name)
    with process.dtype_policy(run.work.record["auto"]["precision"]):
        plan = _train_stages(run, parts, decoded, standard)

        # === Measurement ===
        with strategy.chief_first(run.devices):
            if run.chief:
                measure(config, run.workdir, [s.name for s in plan], parts["test"], standard)
                run.work.finish()


def _train_stages(
    run: _Run, parts: Photographs, decoded: cache.Cache, standard: protocol.Standard
) -> list[Stage]:
    """Train each stage and write its model folder; return the stages."""
    # === Networks ===
    config, data = run.config, Crops(decoded, run.config, run.devices)
    plan = stages(config, len(decoded))
    run.work.output.check(*(name for stage in plan for name in _model_files(stage)))
    folder = run.workdir / "checkpoints"
    checkpoints = Checkpoints(folder, config.train.keep_checkpoints, run.work.path / "checkpoints")
    training = loop.Run(config.train, run.devices, checkpoints, checkpoints.newest())
    _check_lengths(run, training, plan)
    origin, teacher = (
        load(name) if name else None for name in (config.train.init_from, config.train.teacher)
    )
    with run.devices.scope():
        networks, normalisation = build_networks(run.work, config, plan, decoded, origin, teacher)
    run.work.save()  # not before: a command that is refused changes nothing

    # === Training ===
    hashes = [each for p in parts["train"] for each in p.hashes]
    for model in filter(None, (origin, teacher)):  # what they were trained on has been seen too
        hashes = sorted({*hashes, *model.info["training_sha256"]})
    info = _info(run, normalisation, hashes)
    samples = run.work.path / "samples"
    samples.mkdir(parents=True, exist_ok=True)

    def draw(lr: np.ndarray, sr: np.ndarray, hr: np.ndarray, name: str) -> None:
        run.work.output.claim(f"samples/{name}")
        figures.sample_strip(lr, sr, hr, samples / name)

    validation = Validation(parts["validation"], standard, draw)
    for stage in plan:
        if _to_do(run, training, stage):
            model = _train_stage(run, training, stage, networks, data, validation)
            model.take_average()
            folder = run.workdir / "models" / stage.name
            if run.chief and not (folder / "model.json").exists():
                run.work.output.claim(*_model_files(stage))
                model_folder.save(
                    folder, networks.generator, {"name": stage.name, **info}, among_others=True
                )
    return plan


def _standard_protocol(config: Config) -> protocol.Standard:
    """Return the protocol of the run; its side, and that of training, must suit the dataset."""
    side = config.eval.hr_long_side
    side = config.data.hr_long_side if side is None else side
    for each in (config.data.hr_long_side, side):
        fov_mask_version = prepared.check(
            config.data.source, each, crop=config.data.fov_crop, fov_mask=config.data.fov_mask
        )
    degradation = config.degradation
    return protocol.Standard(
        degradation.scale,
        degradation.name,
        side,
        fov_mask_version,
        degradation.version,
        degradation.clinical,
    )


def _resolve(run: _Run, strategy_name: str) -> None:
    """Record what each `auto` becomes, once a run."""
    train, auto = run.config.train, run.work.record["auto"]
    replicas = run.devices.num_replicas_in_sync
    if auto.setdefault("replicas", replicas) != replicas:
        raise UsageError(
            f"{run.workdir} holds a run on {auto['replicas']} devices, but this machine has "
            f"{replicas}. Resume it on {auto['replicas']} devices, or set overwrite to start over."
        )
    if train.batch_size % (replicas * train.accumulate):
        raise UsageError(
            f"train.batch_size {train.batch_size} does not divide into {replicas} devices "
            f"x train.accumulate {train.accumulate}"
        )
    if strategy_name == "multi_worker" and train.precision == "auto":
        raise UsageError("several machines must agree: set train.precision to another value")
    auto["strategy"] = strategy_name
    auto.setdefault("precision", machine.resolve_precision(train.precision, strategy_name))


def _info(run: _Run, normalisation: dict, hashes: list[str]) -> dict[str, Any]:
    """Return what model.json says of every model of the run."""
    config = run.config
    name, version = config.degradation.name, PAIRED_VERSION
    if name != PAIRED:
        version = operator(name, config.degradation.version).version
    return {
        "scale": config.degradation.scale,
        "degradation": {"name": name, "version": version},
        "normalisation": normalisation,
        "training_set": config.data.source,
        "training_sha256": hashes,
        "vgg_weights": run.work.record["auto"].get("vgg"),
        "configuration": asdict(config),
    }


def _check_lengths(run: _Run, training: loop.Run, plan: list[Stage]) -> None:
    for stage in plan:
        own = training.state(stage)
        if own and own.step > stage.steps:
            raise UsageError(
                f"{run.workdir} has done {own.step} steps of {stage.name}, more than "
                f"{stage.steps}: set at least as many, or set overwrite to start over"
            )


def _to_do(run: _Run, training: loop.Run, stage: Stage) -> bool:
    """Tell whether a stage has a part in this run; remove the model of a shorter one."""
    newest, own = training.newest, training.state(stage)
    if newest and newest.run_step > stage.first + stage.steps:
        return False  # a later stage has begun, from what this one left
    if run.chief and own and own.step < stage.steps:
        run.work.output.remove(f"models/{stage.name}")
    return True


def _model_files(stage: Stage) -> list[str]:
    return [f"models/{stage.name}/{name}" for name in model_folder.FILES]


def _train_stage(
    run: _Run,
    training: loop.Run,
    stage: Stage,
    networks: Networks,
    data: Crops,
    validation: Validation,
) -> SRGAN:
    """Train one stage and return its model."""
    config, auto = run.config, run.work.record["auto"]
    with run.devices.scope():
        # the weights of D must not depend on whether stage 1 ran in this process
        keras.utils.set_random_seed(config.train.seed + stage.first)
        model = build(stage, networks, config, auto["precision"])
    if stage.name not in auto.setdefault("jit", {}):
        timed = partial(timed_step, model, config, data.part(0))
        replicas = run.devices.num_replicas_in_sync
        auto["jit"][stage.name] = jit.resolve_jit(config.train, replicas, timed)
        run.work.save()
    log.info("%s: %d steps, %s", stage.name, stage.steps, auto)
    stage = replace(stage, jit=auto["jit"][stage.name])
    monitor = partial(Monitor, run.work.path, stage.name, stage.steps)
    validate = validation.of(stage.name, model.averaged)
    loop.run_stage(training, model, stage, data, monitor, validate)
    return model


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
    if any(p.mask_path or p.lr_path for p in test) and "author" in config.eval.protocols:
        kind = "preprocessed" if any(p.mask_path for p in test) else "paired"
        log.warning("protocol author measures originals, not a %s dataset: skipped", kind)
        protocols = [p for p in protocols if p.name == standard.name]
    OutputFolder(workdir).claim("comparison.png", "curves.png")
    figures.comparison(models, test, standard, workdir / "comparison.png")
    figures.curves(pd.read_csv(workdir / "history.csv"), workdir / "curves.png")
    if not protocols:
        log.warning("no protocol to measure by: %s gets no metrics and no report", workdir)
        return
    result = evaluate.evaluate(models, test, protocols, workdir, config.data.source, [Trust()])
    log.info("%s", table(result))
    report.write(workdir, models)
    log.info("done: %s holds model folders, figures and report.html", workdir)


def photographs(source: str) -> Photographs:
    """Return the photographs of each split, and log their number."""
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
