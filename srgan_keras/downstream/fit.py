"""Train one segmentation network, resumable, by the loop and the checkpoints of training."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srgan_keras import machine, process
from srgan_keras.downstream.patches import Patches
from srgan_keras.downstream.segmenter import Segmenter
from srgan_keras.downstream.tasks import CLASSES, Case, Task
from srgan_keras.evaluation.segmenter import WEIGHTS
from srgan_keras.models.unet import Kind, build_unet
from srgan_keras.training import loop
from srgan_keras.training.checkpoint import Checkpoints
from srgan_keras.training.monitor import Monitor
from srgan_keras.training.optimizer import optimizer, schedule
from srgan_keras.training.run_dir import RunDir
from srgan_keras.training.stages import Stage

log = logging.getLogger(__name__)

COLUMNS = (
    *("stage", "step", "epoch", "dice", "cross_entropy", "total"),
    *("dice_gradient", "cross_entropy_gradient", "learning_rate", "images_per_s", "data_wait"),
)


@dataclass(frozen=True)
class FitSettings:
    """How long and how fast a segmenter is trained; Adam's rate decays by a cosine."""

    steps: int
    batch_size: int
    learning_rate: float = 2e-3
    precision: str = "float32"
    seed: int = 1
    ema_decay: float = 0.99
    accumulate: int = 1
    deterministic: bool = False
    steps_per_call: int = 10
    log_every_steps: int = 50
    checkpoint_every_steps: int = 100
    validate_every_steps: int = 500
    keep_checkpoints: int = 1


@dataclass(frozen=True)
class Fit:
    """All that a trained segmenter depends on."""

    task: Task
    network: Kind
    trained_on: str
    """hr, bicubic, or a model's name."""
    photographs: str
    """sha256 of the images and masks trained on."""
    depth: int
    width: int
    patch: int
    train: FitSettings
    missed_weight: float = 0.0
    """Weight of `segmenter.missed`."""


def fit(
    plan: Fit, images: Sequence[np.ndarray], cases: Sequence[Case], folder: Path
) -> keras.Model:
    """Return the trained network, image [N, H, W, 3] float32 in 0..1 -> logits [N, H, W, C].

    Args:
        plan: the settings.
        images: what it sees of each case, uint8 RGB.
        cases: masks.
        folder: the run directory. Its run is resumed; a finished one is only read.

    Raises:
        UsageError: the folder holds a training of other settings.
        NonFiniteError, StopSignalError: see `training/loop.py`.
    """
    with closing(RunDir(folder, plan, overwrite=False, advice="choose another out")) as work:
        train, auto = plan.train, work.record["auto"]
        auto.setdefault("precision", machine.resolve_precision(train.precision, "default"))
        with process.dtype_policy(auto["precision"]), process.random_state():
            keras.utils.set_random_seed(train.seed)
            network = build_unet(plan.network, len(CLASSES[plan.task]), plan.depth, plan.width)
            model = Segmenter(network, train.batch_size, train.ema_decay, plan.missed_weight)
        file = folder / WEIGHTS
        if work.record["finished"]:
            network.load_weights(file)
            return network
        work.save()
        rate = schedule("cosine", train.learning_rate, train.steps, 0)
        model.compile(optimizer(rate, 0.0, auto["precision"]))
        checkpoints = Checkpoints(folder / "checkpoints", train.keep_checkpoints)
        devices = tf.distribute.get_strategy()
        loop.run_stage(
            loop.Run(train, devices, checkpoints, checkpoints.newest()),
            model,
            Stage("segmenter", 0, train.steps, len(cases) / train.batch_size),
            Patches(images, cases, plan.patch, train.batch_size, train.seed),
            partial(Monitor, folder, "segmenter", train.steps, columns=COLUMNS),
            lambda step: {},
        )
        model.take_average()
        work.output.claim(file.name)
        network.save_weights(file)
        work.finish()
        return network
