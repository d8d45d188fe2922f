"""Train a few steps on one device and on two, print how far apart the weights end."""

import dataclasses
import sys

import keras
import numpy as np
import tensorflow as tf

from srgan_keras.config import Discriminator
from srgan_keras.models.generator import generator
from srgan_keras.models.vgg19 import vgg19
from srgan_keras.training.loop import compiled_steps
from srgan_keras.training.stages import Stage, build
from tests.training.conftest import TINY


def batches(steps: int) -> tf.data.Dataset:
    hr = np.random.default_rng(0).integers(0, 256, (steps, 4, 32, 32, 3), np.uint8)
    return tf.data.Dataset.from_tensor_slices((hr[:, :, ::4, ::4], hr))


def train(strategy: tf.distribute.Strategy, stage: str, steps: int) -> tuple[list, list, float]:
    """Return the weights before and after, and the last logged loss."""
    batch_norm = dataclasses.replace(TINY.generator, batch_norm=True)
    config = dataclasses.replace(TINY, generator=batch_norm, discriminator=Discriminator("srgan"))
    with strategy.scope():
        keras.utils.set_random_seed(1)
        g = generator(config.generator, 4)
        model = build(Stage(stage, 0, steps, 1.0), g, vgg19("random")[0], config, "float32")
        sgd = keras.optimizers.SGD
        model.compile(sgd(0.01), sgd(0.01) if stage == "srgan" else None)
    networks = [model.generator, *([model.discriminator] if stage == "srgan" else [])]
    before = [w for n in networks for w in n.get_weights()]
    iterator = iter(strategy.experimental_distribute_dataset(batches(steps)))
    logs = compiled_steps(model, strategy, jit=False)(iterator, tf.constant(steps))
    return before, [w for n in networks for w in n.get_weights()], float(logs["total"])


def main() -> None:
    cpus = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpus[0], halves)
    # one for both stages: the collectives of two MirroredStrategies in a process would meet
    single = tf.distribute.OneDeviceStrategy("CPU:0")
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for stage in ("content", "srgan"):
        before, one, loss_one = train(single, stage, 5)
        _, two, loss_two = train(mirrored, stage, 5)
        moved = [max(np.abs(b - a).max(), 1e-8) for a, b in zip(before, one, strict=True)]
        apart = [np.abs(a - b).max() for a, b in zip(one, two, strict=True)]
        worst = max(d / m for d, m in zip(apart, moved, strict=True))
        sys.stdout.write(f"{stage} {worst:.3g} {abs(loss_one - loss_two) / loss_one:.3g}\n")


if __name__ == "__main__":
    main()
