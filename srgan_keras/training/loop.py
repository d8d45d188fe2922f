"""The training loop of one stage: the same code for one device, several, or a TPU."""

import logging
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import tensorflow as tf

from srgan_keras.config import CommandError, Train
from srgan_keras.training.checkpoint import Checkpoint
from srgan_keras.training.monitor import Monitor
from srgan_keras.training.srgan import SRGAN
from srgan_keras.training.stages import Stage

log = logging.getLogger(__name__)

Batch = tuple[tf.Tensor, tf.Tensor]


class NonFiniteError(CommandError):
    """A loss became NaN or infinite."""

    status = 3


class StopSignalError(CommandError):
    """SIGINT or SIGTERM came; a checkpoint was written."""

    def __init__(self, signum: int) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"{name}: stopped after a checkpoint; the same command goes on from it")
        self.status = 128 + signum


def run_stage(
    model: SRGAN,
    stage: Stage,
    train: Train,
    strategy: tf.distribute.Strategy,
    jit: bool,
    data: Callable[[int, int], tf.data.Dataset],
    checkpoint: Checkpoint,
    open_monitor: Callable[[int], Monitor],
    validate: Callable[[int], dict[str, float]],
) -> None:
    """Train from the newest checkpoint, or from the start, to the end of the stage.

    Args:
        model: compiled.
        stage: how many steps, and where they begin.
        train: intervals and batch size.
        strategy: the model's.
        jit: compile each replica's computation with XLA.
        data: (start, stop) steps of the run -> global batches.
        checkpoint: of this model.
        open_monitor: restored step -> monitor.
        validate: step -> figures for the history's row.

    Raises:
        NonFiniteError: a loss is not finite; the checkpoints are from before it.
        StopSignalError: a signal came; a checkpoint has been written.
    """
    done = checkpoint.restore()
    if done >= stage.steps:
        return
    if done:
        log.info("stage %s goes on at step %d of %d", stage.name, done, stage.steps)
    batches = data(stage.first + done, stage.first + stage.steps)
    iterator = iter(strategy.experimental_distribute_dataset(batches))
    run_steps = compiled_steps(model, strategy, jit)
    boundaries = (train.log_every_steps, train.checkpoint_every_steps, train.validate_every_steps)
    interval = _Interval(done)
    with open_monitor(done) as monitor, _signals() as received:
        while done < stage.steps:
            ends = [(done // every + 1) * every for every in boundaries]
            count = min(train.steps_per_call, stage.steps - done, *(end - done for end in ends))
            logs = {k: float(v) / count for k, v in run_steps(iterator, tf.constant(count)).items()}
            _check_finite(logs, stage, done, count)
            done += count
            interval.add(logs, count)
            monitor.advance(count, logs)
            last = done == stage.steps
            due = [last or done % every == 0 for every in boundaries]
            if due[0] or due[2]:
                figures = interval.means(done, stage, train)
                figures["learning_rate"] = float(model.optimizer.learning_rate)
                if due[2]:
                    figures |= validate(done)
                monitor.row(done, figures)
                interval = _Interval(done)
            if due[1] or received:
                checkpoint.save(done)
            if received and not last:
                raise StopSignalError(received[0])


def compiled_steps(
    model: SRGAN, strategy: tf.distribute.Strategy, jit: bool
) -> Callable[[Iterator[Batch], tf.Tensor], dict[str, tf.Tensor]]:
    """Return a function (iterator, n) that trains n steps and returns the sums of their logs."""
    compute = compiled_gradients(model, jit)

    def replica_step(batch: Batch) -> dict[str, tf.Tensor]:
        gradients, logs = compute(batch)
        model.apply_gradients(gradients)
        return logs

    @tf.function
    def run_steps(iterator: Iterator[Batch], n: tf.Tensor) -> dict[str, tf.Tensor]:
        sums = {name: tf.zeros(()) for name in model.log_names}
        for _ in tf.range(n):
            logs = strategy.run(replica_step, args=(next(iterator),))
            logs = strategy.reduce(tf.distribute.ReduceOp.SUM, logs, axis=None)
            sums = tf.nest.map_structure(tf.add, sums, logs)
        return sums

    return run_steps


def compiled_gradients(model: SRGAN, jit: bool) -> Callable[[Batch], tuple]:
    """Return `model.compute_gradients`, compiled by XLA where `jit`: it stays inside a replica."""
    return (
        tf.function(model.compute_gradients, jit_compile=True) if jit else (model.compute_gradients)
    )


class _Interval:
    """Sums of logs since the last row."""

    def __init__(self, start: int) -> None:
        self.start, self.sums, self.time = start, {}, time.perf_counter()

    def add(self, logs: dict[str, float], count: int) -> None:
        for name, value in logs.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * count

    def means(self, step: int, stage: Stage, train: Train) -> dict[str, float]:
        steps = step - self.start
        rate = steps / (time.perf_counter() - self.time)
        means = {name: value / steps for name, value in self.sums.items()}
        return {
            "epoch": (stage.first + step) / stage.epoch_steps,
            **means,
            "images_per_s": rate * train.batch_size,
        }


def _check_finite(logs: dict[str, float], stage: Stage, done: int, count: int) -> None:
    for name, value in logs.items():
        if not math.isfinite(value):
            raise NonFiniteError(
                f"stage {stage.name}, steps {done + 1} to {done + count}: the term {name!r} is "
                f"{value}; lower the learning rate or train.precision float32, and start the "
                "same command again: it goes on from the last checkpoint"
            )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying from them."""
    received: list[int] = []

    def handler(signum: int, frame: FrameType | None) -> None:
        received.append(signum)

    try:
        before = {s: signal.signal(s, handler) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread, as in a notebook's executor: leave them alone
        yield received
        return
    try:
        yield received
    finally:
        for signum, old in before.items():
            signal.signal(signum, old)
