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

from srgan_keras import machine
from srgan_keras.downstream.patches import Patches
from srgan_keras.downstream.scores import levels
from srgan_keras.downstream.segmenter import Segmenter
from srgan_keras.downstream.tasks import CLASSES, Case, Task
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
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(auto["precision"])
        try:
            keras.utils.set_random_seed(train.seed)
            network = build_unet(plan.network, len(CLASSES[plan.task]), plan.depth, plan.width)
            model = Segmenter(network, train.batch_size, train.ema_decay, plan.missed_weight)
        finally:
            keras.config.set_dtype_policy(policy)
        file = folder / "segmenter.weights.h5"
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


class Predictor:
    """A trained network on whole photographs: uint8 RGB [H, W, 3] -> uint16 [H, W, C].

    Args:
        network: of `fit`.
        depth: times it halves the sides. Photographs are padded to a multiple of 2^depth: before
            an odd side a strided convolution lies elsewhere than before the even ones of training.
    """

    def __init__(self, network: keras.Model, depth: int) -> None:
        self.multiple = 2**depth
        spec = tf.TensorSpec((1, None, None, 3))
        call = tf.function(lambda x: tf.sigmoid(network(x, training=False)), input_signature=[spec])
        self._call = call

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the probabilities of each class, see `scores.levels`."""
        height, width = image.shape[:2]
        missing = [(0, -side % self.multiple) for side in (height, width)]
        padded = np.pad(image, (*missing, (0, 0)), mode="edge")
        floats = padded[np.newaxis].astype(np.float32) / 255
        return levels(self._call(tf.constant(floats)).numpy()[0, :height, :width])
