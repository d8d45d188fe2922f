"""The two stages of a run: how long they are, and the networks and optimizers they train."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import keras

from srgan_keras.config import Config, Schedule
from srgan_keras.models.discriminators import build_discriminator, trunk_cut
from srgan_keras.models.vgg19 import build_features
from srgan_keras.training.optimizer import optimizer, schedule
from srgan_keras.training.srgan import SRGAN


@dataclass(frozen=True)
class Stage:
    """A stage and its place in the run.

    Attributes:
        name: `stage1` or `stage2`; a segmenter has one stage, `segmenter`.
        first: the run's step at which the stage starts; the data depend on it.
        steps: its length.
        epoch_steps: steps in which as many crops are shown as there are photographs.
        jit: compile each replica's computation with XLA.
    """

    name: str
    first: int
    steps: int
    epoch_steps: float
    jit: bool = False


class Networks(NamedTuple):
    """The networks of a run that outlive a stage.

    Attributes:
        generator: G.
        vgg: VGG-19 with `vgg_layers`; None without any.
        teacher: of stage 1; None without one.
    """

    generator: keras.Model
    vgg: keras.Model | None
    teacher: keras.Model | None


def stages(config: Config, photographs: int) -> list[Stage]:
    """Return the stages that have steps; durations in epochs become steps here."""
    train = config.train
    epoch_steps = photographs / train.batch_size
    durations = {
        "stage1": (train.stage1_steps, train.stage1_epochs),
        "stage2": (train.stage2_steps, train.stage2_epochs),
    }
    result, first = [], 0
    for name, (steps, epochs) in durations.items():
        length = steps if steps is not None else math.ceil(epochs * epoch_steps)
        result.append(Stage(name, first, length, epoch_steps))
        first += length
    return [stage for stage in result if stage.steps or stage.name == "stage1"]


def vgg_layers(config: Config, stage: str) -> set[str]:
    """Return the layers of VGG-19 that a stage's content loss and discriminator need."""
    adversarial = stage == "stage2"
    layers = {config.vgg.layer} if _content_weight(config, adversarial) else set()
    if adversarial and config.discriminator.kind == "vgg19":
        layers.add(config.discriminator.trunk_layer)
    return layers


def build(stage: Stage, networks: Networks, config: Config, precision: str) -> SRGAN:
    """Build and compile what a stage trains: G alone, or G and a new D.

    Args:
        stage: which.
        networks: of the run.
        config: architecture, losses and learning rates.
        precision: the Keras dtype policy in force.
    """
    train, adversarial = config.train, stage.name == "stage2"
    g, vgg, teacher = networks
    maps = {"content": config.vgg.layer} if _content_weight(config, adversarial) else {}
    d = None
    if adversarial:
        d = build_discriminator(config.discriminator, config.data.patch, vgg)
        cut = trunk_cut(config.discriminator, vgg)
        maps |= {"trunk": cut} if cut else {}
    frozen = build_features(vgg, config.vgg, maps) if maps else None
    model = SRGAN(
        g,
        config.loss,
        train.batch_size,
        frozen,
        d,
        train.ema_decay,
        None if adversarial else teacher,
    )

    def adam(kind: Schedule, rate: float) -> keras.optimizers.Optimizer:
        halving_steps = round(train.halving_epochs * stage.epoch_steps)
        return optimizer(
            schedule(kind, rate, stage.steps, halving_steps), train.clip_norm, precision
        )

    if adversarial:
        model.compile(
            adam(train.stage2_schedule, train.stage2_learning_rate),
            adam(train.stage2_schedule, train.discriminator_learning_rate),
        )
    else:
        model.compile(adam(train.stage1_schedule, train.stage1_learning_rate))
    return model


def _content_weight(config: Config, adversarial: bool) -> float:
    loss = config.loss
    return loss.stage2_content_weight if adversarial else loss.stage1_content_weight
