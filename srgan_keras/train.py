"""A run from configuration to model folders: `python -m srgan_keras.train`, `srgan-keras train`.

Reads from top to bottom. What a run goes on from, in this order:
1. `run.json` says that it is finished: it says so and ends;
2. checkpoints/srgan, then checkpoints/content: the newest step of each stage;
3. nothing: weights drawn from train.seed.
"""

import sys

if __name__ == "__main__":  # before TensorFlow is imported below: --help answers at once
    from srgan_keras.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))

import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import keras
import pandas as pd
import tensorflow as tf

from srgan_keras.config import Config, UsageError
from srgan_keras.data import cache, sources
from srgan_keras.data.degradations import DEGRADATIONS
from srgan_keras.data.pairs import pairs
from srgan_keras.evaluation import evaluate, figures, protocol, report
from srgan_keras.evaluation.table import table
from srgan_keras.evaluation.validation import Validation
from srgan_keras.inference import model_folder
from srgan_keras.models.generator import generator
from srgan_keras.models.vgg19 import vgg19
from srgan_keras.training import loop, strategy
from srgan_keras.training.checkpoint import Checkpoint
from srgan_keras.training.monitor import Monitor
from srgan_keras.training.stages import build, needs_vgg, stages
from srgan_keras.training.workdir import WorkDir

log = logging.getLogger(__name__)


def train(config: Config, workdir: Path, overwrite: bool = False) -> None:
    """Train both stages, write their model folders, measure them on photographs never trained on.

    Args:
        config: validated settings.
        workdir: goes on with the run that it holds.
        overwrite: start anew instead.

    Raises:
        UsageError: wrong input.
        NonFiniteError, StopSignalError: see `training/loop.py`.
    """
    # === Work folder ===
    work = WorkDir(workdir, config, overwrite)
    if work.record["finished"]:
        log.info("%s holds a finished run; --overwrite starts anew", workdir)
        return
    auto = work.record["auto"]

    # === Photographs ===
    photographs = sources.find(config.data.source)
    parts = {split: sources.select(photographs, split) for split in sources.SPLITS}
    counts = ", ".join(f"{len(part)} {split}" for split, part in parts.items())
    log.info("%s: %d photographs (%s)", config.data.source, len(photographs), counts)
    for split in sources.SPLITS:
        if not parts[split]:
            raise UsageError(
                f"{config.data.source} has no {split} photographs ({counts}): give at least three "
                "photographs, or folders named train, validation and test"
            )
    decoded = cache.build(parts["train"], config.data, workdir / "cache")

    # === Devices and number formats ===
    devices, auto["strategy"] = strategy.create(auto.get("strategy", config.train.strategy))
    auto.setdefault("precision", strategy.resolve_precision(config.train, auto["strategy"]))
    keras.config.set_dtype_policy(auto["precision"])

    # === Networks ===
    plan = stages(config, len(decoded))
    with devices.scope():
        keras.utils.set_random_seed(config.train.seed)
        g = generator(config.generator, config.degradation.scale, decoded.mean, decoded.std)
        vgg = None
        if any(needs_vgg(config, stage.name) for stage in plan):
            # a run that began with random weights goes on with them
            vgg, auto["vgg"] = vgg19(auto.get("vgg", config.vgg.weights))
    work.save()

    # === Training ===
    info = {
        "scale": config.degradation.scale,
        "degradation": {
            "name": config.degradation.name,
            "version": DEGRADATIONS[config.degradation.name].version,
        },
        "normalisation": {"mean": decoded.mean, "std": decoded.std},
        "training_set": config.data.source,
        "training_sha256": [p.sha256 for p in parts["train"]],
        "vgg_weights": auto.get("vgg"),
        "configuration": asdict(config),
    }
    standard = protocol.Standard(
        config.degradation.scale,
        config.degradation.name,
        config.data.hr_long_side if config.eval.hr_long_side is None else config.eval.hr_long_side,
    )
    validate = Validation(g, parts["validation"], standard, workdir / "samples")

    def batches(start: int, stop: int) -> tf.data.Dataset:
        return pairs(decoded, config, start, stop)

    for stage in plan:
        with devices.scope():
            # the weights of D must not depend on whether stage 1 ran in this process
            keras.utils.set_random_seed(config.train.seed + stage.first)
            model = build(stage, g, vgg, config, auto["precision"])
        if stage.name not in auto.setdefault("jit", {}):
            first = next(iter(batches(0, 1)))
            auto["jit"][stage.name] = strategy.resolve_jit(
                config.train, devices.num_replicas_in_sync, partial(timed_step, model, first)
            )
            work.save()
        log.info("stage %s: %d steps, %s", stage.name, stage.steps, auto)
        loop.run_stage(
            model,
            stage,
            config.train,
            devices,
            auto["jit"][stage.name],
            batches,
            Checkpoint(model, workdir / "checkpoints" / stage.name, config.train.keep_checkpoints),
            partial(Monitor, workdir, stage.name, stage.steps),
            partial(validate, stage.name),
        )
        folder = workdir / "models" / stage.name
        if not folder.exists():
            model_folder.save(folder, g, {"name": stage.name, **info})

    # === Measurement on photographs never trained on ===
    models = [model_folder.load(workdir / "models" / stage.name) for stage in plan]
    protocols = [p for p in (standard, protocol.Author()) if p.name in config.eval.protocols]
    protocols = [p for p in protocols if p.scale == standard.scale]
    result = evaluate.evaluate(models, parts["test"], protocols, workdir, config.data.source)
    log.info("%s", table(result))

    # === Pictures and report ===
    figures.comparison(models, parts["test"], standard, workdir / "comparison.png")
    figures.curves(pd.read_csv(workdir / "history.csv"), workdir / "curves.png")
    report.write(workdir)
    work.finish()
    log.info("done: %s holds model folders, figures and report.html", workdir)


def timed_step(
    model: keras.Model, batch: tuple[tf.Tensor, tf.Tensor], jit: bool
) -> Callable[[], None]:
    """Return a function that computes one step's gradients and leaves the model as it was."""
    compute = tf.function(loop.compiled_gradients(model, jit))

    def step() -> None:
        moving = [(v, v.numpy()) for v in model.non_trainable_variables]
        compute(batch)[1]["total"].numpy()
        for variable, value in moving:
            variable.assign(value)

    return step
