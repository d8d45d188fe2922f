"""Checkpoints of a run: one folder each, written beside and renamed, checked when read.

A folder, such as `checkpoints/00001750-stage2/`, holds `state.json` (stage, step, seed, the logs'
position, sha256 of the other files) and `weights.*` (networks, EMA weights, optimizers and
their loss scales).
"""

import json
import logging
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tensorflow as tf

from srgan_keras.errors import UsageError
from srgan_keras.files import sha256
from srgan_keras.tensorflow_path import readable
from srgan_keras.training.model import TrainingModel
from srgan_keras.training.optimizer import variables

log = logging.getLogger(__name__)


@dataclass
class State:
    """Where a run stands.

    Attributes:
        stage: `stage1` or `stage2`.
        step: steps of this stage that are done.
        run_step: steps of the run that are done.
        seed: of the run.
        row_start: step at which the history's next row begins.
        row_sums: sums of the logs since then.
        skipped: steps in a row that the loss scaler has skipped.
        val_psnr: measured at this step, if it was.
    """

    stage: str
    step: int
    run_step: int
    seed: int
    row_start: int = 0
    row_sums: dict[str, float] = field(default_factory=dict)
    skipped: int = 0
    val_psnr: float | None = None


class Checkpoints:
    """The checkpoints in `folder`: the last few, and the best of each stage by `val_psnr`.

    Args:
        folder: of the run.
        keep: how many of the last.
        written: where new ones go; of several workers, all write, but only the chief to `folder`.
    """

    def __init__(self, folder: Path, keep: int, written: Path | None = None) -> None:
        self.folder, self.keep = folder, keep
        self.written = written or folder

    @property
    def keeps(self) -> bool:
        """Whether what this process writes is kept: a worker's own is not."""
        return self.written == self.folder

    def newest(self) -> State | None:
        """Return where the newest checkpoint that is whole stands; warn of damaged ones.

        Raises:
            UsageError: there are checkpoints, and every one is damaged.
        """
        paths = _paths(self.folder)
        for path in reversed(paths):
            try:
                return _read(path)
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("checkpoint %s is damaged (%s); the one before is used", path, error)
        if paths:
            raise UsageError(
                f"every checkpoint in {self.folder} is damaged. To start over, set overwrite."
            )
        return None

    def restore(self, model: TrainingModel, state: State) -> None:
        """Load what `newest` found into the model of its stage."""
        with readable(self.folder / _name(state)) as path:
            _tracked(model).read(str(path / "weights")).assert_existing_objects_matched()

    def save(self, model: TrainingModel, state: State) -> None:
        """Write a checkpoint and drop those no longer kept.

        Raises:
            UsageError: it cannot be written; what was there before is left as it was.
        """
        beside, path = self.written / ".new", self.written / _name(state)
        try:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            _tracked(model).write(str(beside / "weights"))
            content = asdict(state) | {"files": _digests(beside)}
            (beside / "state.json").write_text(json.dumps(content, indent=2) + "\n")
            _remove(path)  # a damaged one, where a run went back
            if path.exists():  # with a file that no run wrote
                for file in sorted(beside.iterdir(), key=lambda file: file.name == "state.json"):
                    file.replace(path / file.name)
            else:
                beside.rename(path)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(beside, ignore_errors=True)
            reason = str(error).partition("\n")[0]
            raise UsageError(
                f"cannot write the checkpoint {path} ({reason}). Free some space, then repeat "
                "this command with all its options: it resumes from the checkpoint before."
            ) from None
        self._drop(path)

    def _drop(self, newest: Path) -> None:
        paths = _paths(self.written)
        # what is numbered higher was damaged, and the run went back
        whole = paths[: paths.index(newest) + 1]
        kept, best = set(whole[-self.keep :]), {}
        for path in whole:
            try:
                state = _state(path)
            except (OSError, ValueError, KeyError, TypeError):
                continue  # damaged: it goes when it is old
            if state.val_psnr is not None and state.val_psnr >= best.get(state.stage, (-1,))[0]:
                best[state.stage] = state.val_psnr, path
        kept |= {path for _, path in best.values()}
        for path in set(paths) - kept:
            _remove(path)


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints in a folder; files that no run wrote stay."""
    for path in _paths(folder):
        _remove(path)
    shutil.rmtree(folder / ".new", ignore_errors=True)


def _remove(path: Path) -> None:
    """Remove what a checkpoint's state.json lists, and the folder where nothing else is in it."""
    try:
        names = [*json.loads((path / "state.json").read_text())["files"], "state.json"]
    except (OSError, ValueError, KeyError, TypeError):  # damaged: the names that TensorFlow gives
        names = [file.name for file in path.glob("weights.*")] + ["state.json"]
    for name in names:
        (path / name).unlink(missing_ok=True)
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9]*-*") if path.is_dir())


def _tracked(model: TrainingModel) -> tf.train.Checkpoint:
    parts = {
        "generator": [v.value for v in model.generator.variables],
        "generator_optimizer": variables(model.optimizer),
    }
    if model.averaged is not model.generator:
        parts["averaged"] = [v.value for v in model.averaged.variables]
    if model.discriminator is not None:
        parts["discriminator"] = [v.value for v in model.discriminator.variables]
        parts["discriminator_optimizer"] = variables(model.discriminator_optimizer)
    return tf.train.Checkpoint(**parts)


def _name(state: State) -> str:
    return f"{state.run_step:08d}-{state.stage}"


def _state(path: Path) -> State:
    content = json.loads((path / "state.json").read_text())
    del content["files"]
    return State(**content)


def _read(path: Path) -> State:
    expected = json.loads((path / "state.json").read_text())["files"]
    found = _digests(path)
    for name, digest in expected.items():
        if found.get(name) != digest:
            raise ValueError(f"{name} is not as it was written")
    return _state(path)


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted(folder.glob("weights*"))}
