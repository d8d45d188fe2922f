"""One run of an experiment of claims.yaml: the training of an arm."""

import csv
import gc
import logging
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from srgan_keras import process
from srgan_keras.config import Config
from srgan_keras.configure import to_yaml
from srgan_keras.data import cache, datasets
from srgan_keras.export.saved_model import float32_copy
from srgan_keras.machine import resolve_precision
from srgan_keras.models.generator import build_generator
from srgan_keras.models.vgg19 import build_vgg19
from srgan_keras.training import loop
from srgan_keras.training.crops import Crops
from srgan_keras.training.monitor import Monitor
from srgan_keras.training.srgan import SRGAN
from srgan_keras.training.stages import Networks, Stage, build, stages, vgg_layers

log = logging.getLogger(__name__)

FALL, SURE = 3.0, 0.98
"""The definition of a collapse, see `collapsed`."""

Row = dict[str, Any]
"""A line of claims.csv."""


class _NoCheckpoints:
    """Checkpoints of a run that takes a minute: none."""

    keeps = False

    def save(self, model: SRGAN, state: loop.State) -> None:
        """Keep nothing."""


def trained(config: Config, where: Path, start: Path | None) -> keras.Model:
    """Train an arm and return its generator, float32.

    `srgan-keras train --config WHERE/config.yaml` makes the same steps, but for `start`; it also
    measures, draws and exports, which takes longer than the training.

    Args:
        config: settings of the run.
        where: its directory.
        start: weights that G starts from; None: drawn from the seed.

    Raises:
        NonFiniteError: the training diverged.
    """
    where.mkdir(parents=True, exist_ok=True)
    (where / "history.csv").unlink(missing_ok=True)
    (where / "config.yaml").write_text(to_yaml(config))
    precision, devices = resolve_precision("auto"), tf.distribute.get_strategy()
    photographs = datasets.select(datasets.find(config.data.source), "train")
    decoded = cache.build(photographs, config.data, _cache_folder(config, where))
    with process.random_state(), process.dtype_policy(precision):
        data, plan = Crops(decoded, config, devices), stages(config, len(decoded))
        keras.utils.set_random_seed(config.train.seed)
        g = build_generator(config.generator, config.degradation.scale, decoded.mean, decoded.std)
        if start:
            g.load_weights(start)
        layers = {name for stage in plan for name in vgg_layers(config, stage.name)}
        vgg = build_vgg19(config.vgg.weights, layers)[0] if layers else None
        run = loop.Run(config.train, devices, _NoCheckpoints(), None)
        for stage in plan:
            if stage.steps:
                _train_stage(run, config, stage, Networks(g, vgg, None), data, where, precision)
        g.save_weights(where / "g.weights.h5")
        return float32_copy(g)


def _train_stage(
    run: loop.Run,
    config: Config,
    stage: Stage,
    networks: Networks,
    data: Crops,
    where: Path,
    precision: str,
) -> None:
    keras.utils.set_random_seed(config.train.seed + stage.first)
    model = build(stage, networks, config, precision)
    monitor = partial(Monitor, where, stage.name, stage.steps)
    loop.run_stage(run, model, stage, data, monitor, lambda step: {})
    model.take_average()


def _cache_folder(config: Config, where: Path) -> Path:
    """Return the folder of the decoded photographs, which arms of the same crops share."""
    data = config.data
    return where.parents[1] / "cache" / f"{data.patch}-{'-'.join(data.augment) or 'none'}"


def release() -> None:
    """Free the memory of a training."""
    keras.backend.clear_session()
    gc.collect()


def logged(where: Path, config: Config) -> Row:
    """Return D's means over the last tenth, and the share of the adversarial gradient.

    The share is of the sum of the norms of all terms, the mean over the measured steps.
    """
    stage = "stage2" if config.train.stage2_steps else "stage1"
    with (where / "history.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["stage"] == stage]
    found: Row = {name: float(rows[-1][name]) for name in ("d_hr", "d_sr") if rows[-1][name]}
    shares = []
    for row in rows:
        norms = {k: float(v) for k, v in row.items() if k.endswith("_gradient") and v}
        if "adversarial_gradient" in norms:
            shares.append(norms["adversarial_gradient"] / sum(norms.values()))
    return found | ({"adversarial_share": statistics.fmean(shares)} if shares else {})


def collapsed(gain: float, d_hr: float = 0.5, d_sr: float = 0.5) -> bool:
    """Tell whether a training has collapsed, by a rule made before any run.

    PSNR on `inner`, the mean over the cameras, is more than 3 dB below that of bicubic
    interpolation; or D is saturated over the last tenth of the steps: its mean output is above 0.98
    on HR and below 0.02 on SR. A training that diverges has collapsed as well.
    """
    return not np.isfinite(gain) or gain < -FALL or (d_hr > SURE and d_sr < 1 - SURE)
