"""Several training steps in one call of a compiled function, on any number of devices."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import keras
import tensorflow as tf

from srgan_keras.training.model import Batch, Logs, TrainingModel, summed_over_replicas

MAX_SKIPPED = 20  # steps in a row without finite gradients, after which a run is stopped


class StepSettings(Protocol):
    """The settings that a step reads; `config.Train` has them."""

    accumulate: int
    deterministic: bool
    seed: int


@dataclass(frozen=True)
class Outcome:
    """The result of one call.

    Attributes:
        steps: how many were done; fewer than asked for where `healthy` is False.
        sums: of the logs over these steps.
        last: logs of the last step.
        skipped: steps in a row, up to the last, whose gradients a loss scaler found not finite.
        healthy: False after a log, or a gradient without a loss scaler, that is not finite.
        waited: seconds that the steps waited for their batches; NaN under determinism.
    """

    steps: int
    sums: dict[str, float]
    last: dict[str, float]
    skipped: int
    healthy: bool
    waited: float


def compiled_steps(
    model: TrainingModel, strategy: tf.distribute.Strategy, settings: StepSettings, jit: bool
) -> Callable[[Iterator[Batch], int, int], Outcome]:
    """Return a function (batches, n, skipped) that trains n steps."""
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)

    compute = compiled_gradients(model, settings.accumulate, jit, strategy.num_replicas_in_sync)

    def replica_step(batch: Batch) -> tuple[Logs, tf.Tensor]:
        gradients, logs = compute(batch)
        return summed_over_replicas(logs), model.apply_gradients(gradients)

    @tf.function
    def run(iterator: Iterator[Batch], n: tf.Tensor, skipped: tf.Tensor) -> tuple:
        sums = {name: tf.zeros(()) for name in model.log_names}
        last, healthy, waited, done = sums, True, tf.zeros((), tf.float64), 0
        while done < n and healthy and skipped < MAX_SKIPPED:
            start = now(list(sums.values()))
            with tf.control_dependencies([start]):
                batch = next(iterator)
            arrived = now([x for part in batch for x in local(part)])
            waited += arrived - start
            with tf.control_dependencies([arrived]):  # or a lone thread computes before the clock
                result = strategy.run(replica_step, args=(batch,))
            # the same on every replica: logs and gradients have been summed
            last, finite = tf.nest.map_structure(lambda x: local(x)[0], result)
            sums = {name: sums[name] + last[name] for name in sums}
            healthy = tf.reduce_all(tf.math.is_finite(list(last.values())))
            if scaled:
                skipped = tf.where(finite, 0, skipped + 1)
            else:
                healthy = tf.logical_and(healthy, finite)
            done += 1
        return done, sums, last, skipped, healthy, waited

    local = strategy.experimental_local_results
    clock = not settings.deterministic

    def now(after: list[tf.Tensor]) -> tf.Tensor:
        with tf.control_dependencies(after):
            # TensorFlow takes a clock for an operation that is not deterministic
            return tf.timestamp() if clock else tf.constant(math.nan, tf.float64)

    def steps(iterator: Iterator[Batch], n: int, skipped: int = 0) -> Outcome:
        result = run(iterator, tf.constant(n), tf.constant(skipped))
        return Outcome(*tf.nest.map_structure(lambda x: x.numpy().item(), result))

    return steps


def compiled_gradients(
    model: TrainingModel, accumulate: int, jit: bool, replicas: int = 1
) -> Callable[[Batch], tuple]:
    """Return `model.compute_gradients` over `accumulate` parts of a batch, in sequence.

    It is compiled by XLA where `jit`, and stays inside a replica.
    """
    part = model.compute_gradients

    def summed(batch: Batch) -> tuple:
        parts = [tf.reshape(x, (accumulate, -1, *x.shape[1:])) for x in batch]
        total = part(tuple(x[0] for x in parts))
        for i in tf.range(1, accumulate):
            # in sequence, or all of their activations would be there at once
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            total = tf.nest.map_structure(tf.add, total, part(tuple(x[i] for x in parts)))
        return total

    def unrolled(batch: Batch) -> tuple:
        # replicas meet at batch normalisation, which TensorFlow does not allow inside of a loop
        parts = [tf.split(x, accumulate) for x in batch]
        total = part(tuple(x[0] for x in parts))
        for i in range(1, accumulate):
            with tf.control_dependencies(tf.nest.flatten(total)):
                following = tuple(tf.identity(x[i]) for x in parts)
            total = tf.nest.map_structure(tf.add, total, part(following))
        return total

    several = unrolled if replicas > 1 else summed
    compute = part if accumulate == 1 else several
    return tf.function(compute, jit_compile=True) if jit else compute
