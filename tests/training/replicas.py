"""Train a few steps on some devices, write the weights: `python -m ... one|two|worker OUT.npz`.

A process of its own: the CPU is split in two before TensorFlow starts, and collectives of two
strategies in one process would meet. A `worker` is told by TF_CONFIG who it is.
"""

import dataclasses
import sys
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from srgan_keras.config import Discriminator
from srgan_keras.models.generator import build_generator
from srgan_keras.models.vgg19 import build_vgg19
from srgan_keras.training.optimizer import Adam
from srgan_keras.training.stages import Networks, Stage, build
from srgan_keras.training.steps import compiled_steps
from srgan_keras.training.strategy import create, distribute
from tests.training.conftest import TINY

STEPS = 5


class Sgd(keras.optimizers.SGD):
    _all_reduce_sum_gradients = Adam._all_reduce_sum_gradients


OPTIMIZERS = {
    "sgd": lambda: Sgd(0.01),
    "adam": lambda: Adam(0.001, epsilon=1e-3),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(Sgd(0.01), initial_scale=256.0),
}


def shares(accumulate: int, ranks: range, replicas: int) -> tf.data.Dataset:
    """Coarse squares under fine ones: noise alone would leave D nothing to normalise by.

    Part k of a batch is the same images on any number of replicas.
    """
    rng = np.random.default_rng(0)
    sizes = [(STEPS, 4, n, n, 3) for n in (2, 8, 32)]
    layers = [np.kron(rng.integers(0, 85, s), np.ones((32 // s[2],) * 2 + (1,))) for s in sizes]
    images = 4 // replicas // accumulate
    hr = sum(layers).reshape(STEPS, accumulate, replicas, images, 32, 32, 3).astype(np.uint8)
    hr = hr.swapaxes(1, 2)[:, list(ranks)].reshape(-1, accumulate * images, 32, 32, 3)
    return tf.data.Dataset.from_tensor_slices((hr[:, :, ::4, ::4], hr))


def poison_second_replica(model: keras.Model) -> None:
    compute = model.compute_gradients

    def poisoned(*arguments: object) -> tuple:
        (g, d), logs = compute(*arguments)
        second = tf.distribute.get_replica_context().replica_id_in_sync_group == 1
        bad = tf.where(second, np.inf, 1.0)
        return ([x * bad for x in g], d), logs

    model.compute_gradients = poisoned


def smooth(model: keras.Model) -> None:
    """Replace (Leaky)ReLU: at a kink a difference in rounding becomes one of the gradient."""
    silu, relu = keras.activations.silu, keras.activations.relu
    for network in filter(None, (model.generator, model.discriminator, model.features)):
        for layer in network.layers:
            if isinstance(layer, keras.layers.LeakyReLU):
                layer.call = silu
            elif getattr(layer, "activation", None) is relu:
                layer.activation = silu


def train(
    strategy: tf.distribute.Strategy, stage: str, optimizer: str, accumulate: int = 1
) -> dict[str, np.ndarray]:
    batch_norm = dataclasses.replace(TINY.generator, batch_norm=True)
    config = dataclasses.replace(TINY, generator=batch_norm, discriminator=Discriminator("srgan"))
    with strategy.scope():
        keras.utils.set_random_seed(1)
        g = build_generator(config.generator, 4)
        model = build(
            Stage(stage, 0, STEPS, 1.0),
            Networks(g, build_vgg19("random")[0], None),
            config,
            "float32",
        )
        smooth(model)
        make = OPTIMIZERS[optimizer]
        model.compile(make(), make() if stage == "stage2" else None)
    if optimizer == "scaled":
        poison_second_replica(model)
    networks = [model.generator, *([model.discriminator] if stage == "stage2" else [])]
    variables = [(f"{n.name}/{w.path}", w) for n in networks for w in n.weights]
    result = {f"before {name}": w.numpy() for name, w in variables}
    settings = dataclasses.replace(config.train, accumulate=accumulate)
    steps = compiled_steps(model, strategy, settings, jit=False)
    outcome = steps(iter(distribute(strategy, partial(shares, accumulate))), STEPS)
    result |= {f"after {name}": w.numpy() for name, w in variables}
    result["loss"] = np.array(outcome.last["total"])
    if optimizer == "scaled":
        result["scale"], result["skipped"] = model.optimizer.dynamic_scale.numpy(), outcome.skipped
    return result


def main(kind: str, out: str) -> None:
    if kind == "worker":
        strategy, _ = create("multi_worker")
    else:
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, halves)
        devices = ["CPU:0", "CPU:1"]
        one = partial(tf.distribute.OneDeviceStrategy, "CPU:0")
        strategy = one() if kind == "one" else tf.distribute.MirroredStrategy(devices)
    cases = [("stage1", "sgd"), ("stage2", "sgd"), ("stage2", "adam")]
    cases += [("stage1", "scaled")] if kind != "one" else []
    results = {}
    for stage, name in cases:
        found = train(strategy, stage, name)
        results |= {f"{stage} {name} {key}": value for key, value in found.items()}
    found = train(strategy, "stage2", "sgd", accumulate=2)
    results |= {f"accumulated sgd {key}": value for key, value in found.items()}
    np.savez(out, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
