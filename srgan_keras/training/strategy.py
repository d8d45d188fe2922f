"""Devices: one, several, several machines, or a TPU; the same loop runs on all of them."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from srgan_keras.errors import CommandError, UsageError
from srgan_keras.private_apis import set_health_interval

HEALTH_SECONDS = 10  # between two looks at whether the other workers live


class LostWorkerError(CommandError):
    """Another machine's process ended, or cannot be reached."""


def create(name: str) -> tuple[tf.distribute.Strategy, str]:
    """Return the distribution strategy for `train.strategy`, and its resolved name.

    Raises:
        UsageError: the machine has not what the strategy needs.
    """
    if name == "auto" and len(_workers()) > 1:
        name = "multi_worker"
    if name == "multi_worker":  # before anything else: it must come before the first operation
        return _multi_worker(), name
    gpus = tf.config.list_logical_devices("GPU")
    if name == "auto":
        name = "mirrored" if len(gpus) > 1 else "default"
    if name == "mirrored":
        return tf.distribute.MirroredStrategy([d.name for d in gpus] or None), name
    if name == "tpu":
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
            tf.config.experimental_connect_to_cluster(resolver)
            tf.tpu.experimental.initialize_tpu_system(resolver)
        except (ValueError, tf.errors.OpError) as error:
            reason = str(error).partition("\n")[0]
            raise UsageError(f"train.strategy tpu: no TPU found ({reason})") from None
        return tf.distribute.TPUStrategy(resolver), name
    return tf.distribute.get_strategy(), name


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Tell whether this process is the one that writes."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    resolver = strategy.cluster_resolver
    has_chief = "chief" in resolver.cluster_spec().jobs
    return resolver.task_type == "chief" or (not has_chief and resolver.task_id == 0)


@contextmanager
def chief_first(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Let the chief through first, the other workers when it is done."""
    if not is_chief(strategy):
        _meet(strategy)
    yield
    if is_chief(strategy):
        _meet(strategy)


@contextmanager
def lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turn the errors by which a lost worker shows into one line."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError) as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        raise LostWorkerError(
            "another worker was lost: start the same command on all of them again, with all its "
            f"options, to resume from the last checkpoint ({' '.join(str(error).split())[:300]})"
        ) from None


def distribute(
    strategy: tf.distribute.Strategy, dataset: Callable[[range, int], tf.data.Dataset]
) -> tf.distribute.DistributedDataset:
    """Give each replica its own share of every batch, made where it is needed.

    Args:
        strategy: the devices.
        dataset: (ranks, replicas) -> the shares of these replicas, in order.
    """
    replicas = strategy.num_replicas_in_sync

    def shares(context: tf.distribute.InputContext) -> tf.data.Dataset:
        count = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * count
        return dataset(range(first, first + count), replicas)

    return strategy.distribute_datasets_from_function(shares)


def _workers() -> list[str]:
    """Return the addresses in TF_CONFIG."""
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
        return [a for job in ("chief", "worker") for a in cluster.get(job, [])]
    except (ValueError, AttributeError):
        raise UsageError("the environment variable TF_CONFIG is not JSON of a cluster") from None


def _multi_worker() -> tf.distribute.Strategy:
    if not _workers():
        raise UsageError(
            "train.strategy multi_worker: set TF_CONFIG to the workers' addresses and this one's "
            "place (see the README)"
        )
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"train.strategy multi_worker: {reason}") from None
    # TensorFlow looks every 30 s, and a few times more: too long for "within a minute"
    set_health_interval(strategy, HEALTH_SECONDS)
    return strategy


def _meet(strategy: tf.distribute.Strategy) -> None:
    """Return when every worker is here."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return

    @tf.function
    def count() -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(lambda: tf.constant(1)), axis=None)

    count()
