"""The progress of a stage: progress bar or log lines, history.csv, TensorBoard."""

import csv
import logging
import sys
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from srgan_keras.files import atomic_write
from srgan_keras.output_folder import OutputFolder
from srgan_keras.training.signs import Signs
from srgan_keras.training.steps import Outcome

log = logging.getLogger(__name__)

TERMS = ("pixel", "structure", "contrast", "content", "adversarial", "grid")
COLUMNS = (
    *("stage", "step", "epoch", *TERMS, "total", "discriminator", "d_hr", "d_sr"),
    *(f"{term}_gradient" for term in TERMS),
    *("learning_rate", "images_per_s", "data_wait", "val_psnr", "bicubic_psnr", "input_psnr"),
)


class Monitor:
    """Writes one row per log interval; on a terminal there is a progress bar, elsewhere log lines.

    Args:
        workdir: holds `history.csv` and `logs/`.
        stage: its name.
        total: steps of the stage.
        done: steps that a checkpoint restored: rows after it are written again, so dropped.
        columns: of `history.csv`.
    """

    def __init__(
        self,
        workdir: Path,
        stage: str,
        total: int,
        done: int,
        columns: tuple[str, ...] = COLUMNS,
    ) -> None:
        self.stage, self.total, self.columns = stage, total, columns
        self.history = workdir / "history.csv"
        output = OutputFolder(workdir)
        output.claim("history.csv")
        if self.history.exists() and self.history.stat().st_size:
            _drop_rows_after(self.history, stage, done, columns)
        else:
            self.history.write_text(",".join(columns) + "\n")
        logs = workdir / "logs" / stage
        before = set(logs.glob("*"))
        self._writer = tf.summary.create_file_writer(str(logs))
        made = set(logs.glob("*")) - before  # TensorFlow chooses the name
        output.record(*(file.relative_to(workdir).as_posix() for file in made))
        self._clock = deque([(time.perf_counter(), done)], maxlen=5)
        self._signs = Signs(stage)
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=f"stage {stage}",
            unit="step",
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        """Return the monitor."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close bar and writer."""
        self._bar.close()
        self._writer.close()

    def advance(self, outcome: Outcome) -> None:
        """Move the progress bar."""
        shown = [k for k in ("total", "d_hr", "d_sr") if k in outcome.last]
        self._bar.set_postfix({k: f"{outcome.last[k]:.4g}" for k in shown})
        self._bar.update(outcome.steps)

    def row(self, step: int, values: dict[str, float]) -> None:
        """Write the means of one interval, ending at `step`, everywhere."""
        for line in self._signs.read(values):
            log.warning("%s, step %d: %s", self.stage, step, line)
        row = {"stage": self.stage, "step": step, **{k: f"{v:.6g}" for k, v in values.items()}}
        with self.history.open("a", newline="") as out:
            csv.DictWriter(out, self.columns).writerow(row)
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        if self._bar.disable:
            shown = {k: v for k, v in values.items() if k not in ("epoch", "learning_rate")}
            self._clock.append((time.perf_counter(), step))
            (t0, s0), (t1, s1) = self._clock[0], self._clock[-1]
            eta = (self.total - step) * (t1 - t0) / (s1 - s0) / 60
            text = " ".join(f"{k} {v:.4g}" for k, v in shown.items())
            log.info("%s %d/%d %s, %.0f min left", self.stage, step, self.total, text, eta)


def _drop_rows_after(history: Path, stage: str, done: int, columns: tuple[str, ...]) -> None:
    """Keep the rows of earlier stages, and of this one up to the restored step, in `columns`."""
    # a disk may have become full in the middle of a row
    rows = pd.read_csv(history).dropna(subset=["images_per_s"])
    kept = (rows["stage"] == stage) & (rows["step"] <= done)
    if stage == "stage2":
        kept |= rows["stage"] == "stage1"
    # another version may have begun the run with fewer columns
    with atomic_write(history) as partial:
        rows[kept].reindex(columns=columns).to_csv(partial, index=False)
