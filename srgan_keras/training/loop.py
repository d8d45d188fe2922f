"""The training loop of one stage: the same code for one device, several, or a TPU."""

import logging
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import NamedTuple, Protocol

import tensorflow as tf

from srgan_keras.errors import CommandError
from srgan_keras.training.checkpoint import Checkpoints, State
from srgan_keras.training.model import TrainingModel
from srgan_keras.training.monitor import Monitor
from srgan_keras.training.stages import Stage
from srgan_keras.training.steps import MAX_SKIPPED, Outcome, StepSettings, compiled_steps

log = logging.getLogger(__name__)


class Data(Protocol):
    """The training data of a stage, as a function of the run's step."""

    def batches(self, start: int, stop: int) -> tf.distribute.DistributedDataset:
        """Return the batches (input, target) of steps start .. stop - 1, for all devices."""

    def part(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return as much of a step's batch as is computed at once."""

    def names(self, step: int) -> list[str]:
        """Return the photographs that a step's batch was cut from."""


class NonFiniteError(CommandError):
    """A loss or gradient became NaN or infinite."""

    status = 3


class StopSignalError(CommandError):
    """SIGINT or SIGTERM came; the process that keeps the checkpoints has written one."""

    def __init__(self, signum: int, keeps: bool = True) -> None:
        name = signal.Signals(signum).name
        if keeps:
            text = "stopped after a checkpoint. To resume, repeat this command with all its options"
        else:
            text = (
                "this worker has stopped; the first one keeps the checkpoints. To resume from the "
                "last one, repeat this command with all its options on every machine"
            )
        super().__init__(f"{name}: {text}.")
        self.status = 128 + signum


class LoopSettings(StepSettings, Protocol):
    """The settings that the loop reads; `config.Train` has them."""

    batch_size: int
    steps_per_call: int
    log_every_steps: int
    checkpoint_every_steps: int
    validate_every_steps: int


@dataclass(frozen=True)
class Run:
    """The things that all stages of a run share.

    Attributes:
        settings: intervals and batch size.
        strategy: the devices.
        checkpoints: of the run.
        newest: the checkpoint that the run resumes from; None: a new run.
    """

    settings: LoopSettings
    strategy: tf.distribute.Strategy
    checkpoints: Checkpoints
    newest: State | None

    def state(self, stage: Stage) -> State | None:
        """Return the checkpoint to resume from, if it is of this stage."""
        return self.newest if self.newest and self.newest.stage == stage.name else None

    def restored(self, model: TrainingModel, stage: Stage) -> State:
        """Load that checkpoint into the model; without one, return the start of the stage."""
        state = self.state(stage)
        if state is None:
            return State(stage.name, 0, stage.first, self.settings.seed)
        self.checkpoints.restore(model, state)
        if state.step < stage.steps:
            log.info("stage %s resumes at step %d of %d", stage.name, state.step, stage.steps)
        return state


def run_stage(
    run: Run,
    model: TrainingModel,
    stage: Stage,
    data: Data,
    open_monitor: Callable[[int], Monitor],
    validate: Callable[[int], dict[str, float]],
) -> None:
    """Train from a checkpoint, or from the start, to the end of the stage.

    Args:
        run: settings, devices and checkpoints.
        model: compiled.
        stage: its length, its place in the run, and whether XLA compiles it.
        data: batches of this stage.
        open_monitor: restored step -> monitor.
        validate: step -> figures for the history's row, measured with `model.averaged`.

    Raises:
        NonFiniteError: a loss or gradient is not finite; the checkpoints are from before it.
        StopSignalError: a signal came; a checkpoint has been written.
        UsageError: a checkpoint could not be written.
    """
    state = run.restored(model, stage)
    if state.step >= stage.steps:
        return
    iterator = iter(data.batches(stage.first + state.step, stage.first + stage.steps))
    run_steps = compiled_steps(model, run.strategy, run.settings, stage.jit)
    gradient_norms = tf.function(model.gradient_norms)
    row = _Row(state.row_start, state.row_sums)
    with open_monitor(state.step) as monitor, _signals() as received:
        while state.step < stage.steps:
            done, due = _next_stop(state.step, stage, run.settings)
            outcome = run_steps(iterator, done - state.step, state.skipped)
            _check_finite(outcome, stage, state.step + outcome.steps, data)
            row.add(outcome)
            monitor.advance(outcome)
            figures = {}
            if due.validate:
                batch = data.part(stage.first + done - 1)
                figures = {k: float(v) for k, v in gradient_norms(batch).items()} | validate(done)
            if due.log or due.validate:
                figures |= row.means(done, stage, run.settings.batch_size)
                figures["learning_rate"] = float(model.optimizer.learning_rate.numpy())
                monitor.row(done, figures)
                row = _Row(done, {})
            state = replace(
                state,
                step=done,
                run_step=stage.first + done,
                row_start=row.start,
                row_sums=row.sums,
                skipped=outcome.skipped,
                val_psnr=figures.get("val_psnr"),
            )
            if due.save or due.validate or received:
                run.checkpoints.save(model, state)
            if received:
                raise StopSignalError(received[0], run.checkpoints.keeps)


class _Due(NamedTuple):
    log: bool
    save: bool
    validate: bool


def _next_stop(step: int, stage: Stage, settings: LoopSettings) -> tuple[int, _Due]:
    """Return the step at which the next call ends, and what is due there."""
    every = (
        settings.log_every_steps,
        settings.checkpoint_every_steps,
        settings.validate_every_steps,
    )
    ends = [(step // n + 1) * n for n in every]
    done = min(step + settings.steps_per_call, stage.steps, *ends)
    return done, _Due(*(done == stage.steps or done % n == 0 for n in every))


class _Row:
    """Sums of logs since the last row of the history."""

    def __init__(self, start: int, sums: dict[str, float]) -> None:
        self.start, self.sums = start, sums
        self.steps, self.waited, self.time = 0, 0.0, time.perf_counter()

    def add(self, outcome: Outcome) -> None:
        self.sums = {k: self.sums.get(k, 0.0) + v for k, v in outcome.sums.items()}
        self.steps += outcome.steps
        self.waited += outcome.waited

    def means(self, step: int, stage: Stage, batch_size: int) -> dict[str, float]:
        means = {name: value / (step - self.start) for name, value in self.sums.items()}
        # of the steps of this process alone
        seconds = time.perf_counter() - self.time
        return {
            "epoch": (stage.first + step) / stage.epoch_steps,
            **means,
            "images_per_s": self.steps * batch_size / seconds,
            "data_wait": self.waited / seconds,
        }


def _check_finite(outcome: Outcome, stage: Stage, step: int, data: Data) -> None:
    if outcome.healthy and outcome.skipped < MAX_SKIPPED:
        return
    if outcome.healthy:
        what = f"the loss scaler skipped {MAX_SKIPPED} steps in a row: gradients are not finite"
    else:
        bad = {k: v for k, v in outcome.last.items() if not math.isfinite(v)}
        terms = ", ".join(f"{k!r} is {v}" for k, v in bad.items() if k != "total" or len(bad) == 1)
        what = f"the term {terms}" if bad else "all losses are finite, a gradient is not"
    images = ", ".join(data.names(stage.first + step - 1))
    raise NonFiniteError(
        f"stage {stage.name}, step {step}: {what} (photographs of the batch: {images}). The "
        "last checkpoint is from before it. Lower the learning rate, set train.clip_norm, or use "
        "train.precision float32, in a new run directory."
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
            signal.signal(signum, old or signal.SIG_DFL)  # None: not from Python, and lost
