"""The networks that a run trains, and those that it keeps frozen, at its start."""

from collections.abc import Sequence
from typing import Any, Protocol

import keras

from srgan_keras.config import Config, Generator
from srgan_keras.data.cache import Cache
from srgan_keras.errors import UsageError
from srgan_keras.models.generator import build_generator
from srgan_keras.models.vgg19 import build_vgg19
from srgan_keras.training.held import hold_normalisation
from srgan_keras.training.run_dir import RunDir
from srgan_keras.training.stages import Networks, Stage, vgg_layers


class Trained(Protocol):
    """A model folder to start from or to learn from."""

    info: dict[str, Any]

    @property
    def architecture(self) -> Generator:
        """Architecture of its generator."""

    def generator(self, architecture: Generator, scale: int) -> keras.Model:
        """Return its generator under the current dtype policy."""


def build_networks(
    work: RunDir,
    config: Config,
    plan: Sequence[Stage],
    decoded: Cache,
    origin: Trained | None,
    teacher: Trained | None,
) -> tuple[Networks, dict]:
    """Return the networks that a stage needs, and G's normalisation.

    Args:
        work: the run's directory; its record holds the weights of VGG-19 and the normalisation.
        config: of the run.
        plan: its stages.
        decoded: the training photographs.
        origin: model whose weights and normalisation G starts from.
        teacher: model whose SR stage 1 learns.

    Raises:
        UsageError: a model does not suit, or the run began with other weights or photographs.
    """
    scale, vgg, taught_by = config.degradation.scale, None, None
    keras.utils.set_random_seed(config.train.seed)
    if origin:
        g = origin.generator(config.generator, scale)
        normalisation = hold_normalisation(work, origin.info["normalisation"])
    else:
        statistics = {"mean": list(decoded.mean), "std": list(decoded.std)}
        normalisation = hold_normalisation(work, statistics)
        mean, std = (tuple(normalisation[k]) for k in ("mean", "std"))
        g = build_generator(config.generator, scale, mean, std)
    if layers := {name for stage in plan for name in vgg_layers(config, stage.name)}:
        vgg = _vgg19(work, config, layers)
    if teacher:
        taught_by = teacher.generator(teacher.architecture, scale)
        taught_by.trainable = False
    return Networks(g, vgg, taught_by), normalisation


def _vgg19(work: RunDir, config: Config, layers: set[str]) -> keras.Model:
    """Build VGG-19 with the weights that the run began with."""
    wanted, auto = config.vgg.weights, work.record["auto"]
    # a run that began with other weights keeps them
    vgg, found = build_vgg19(auto.get("vgg", wanted) if wanted == "auto" else wanted, layers)
    if auto.setdefault("vgg", found) != found:
        raise UsageError(
            f"{work.path} holds a run with other weights in vgg.weights {wanted} "
            f"({auto['vgg']}, now {found}): restore the file, or choose another directory"
        )
    return vgg
