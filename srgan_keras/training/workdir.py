"""The work folder of a run: what it was asked, what it ran on, and whether it is finished."""

import dataclasses
import json
import os
import platform
import shutil
import socket
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import cv2
import yaml

from srgan_keras.config import Config
from srgan_keras.configure import plain, to_yaml
from srgan_keras.errors import UsageError
from srgan_keras.machine import machine
from srgan_keras.training import lock
from srgan_keras.version import __version__

UNITS = ("steps", "epochs")
OWN_FOLDERS = ("cache", "logs", "samples", "checkpoints", "models", "trust", "gallery")
OWN_FILES = (
    *("config.yaml", "run.json", "history.csv", "metrics.json", "per_image.csv"),
    *("comparison.png", "curves.png", "report.html"),
)
STAGES = ("stage1", "stage2")
BUDGET = {f"train.{stage}_{unit}": stage for stage in STAGES for unit in UNITS}
"""Settings that may change when a run goes on, and the stage that each belongs to."""


class WorkDir:
    """A folder that holds one run, and is held by one process.

    Attributes:
        path: the folder.
        record: what `run.json` holds: versions, seed, git revision, machine, `auto` (what each
            `auto` became: a resumed run takes it from here), `finished`.
    """

    def __init__(
        self,
        path: Path,
        config: Any,  # noqa: ANN401
        overwrite: bool,
        advice: str = "choose another --workdir, or start anew with --overwrite",
    ) -> None:
        """Open a new folder, or one whose run goes on.

        Args:
            path: made where it does not exist.
            config: all settings of the run, a dataclass of dataclasses with `train`.
            overwrite: drop what an earlier run left.
            advice: what to do about a run of other settings.

        Raises:
            UsageError: it cannot be written, holds something else, or a run of other settings, or
                another process is at work in it.
        """
        self.path, self._advice = path, advice
        self._file = path / "run.json"
        _make_writable(path)
        self._lock = _lock(path)
        try:
            self._open(config, overwrite)
        except BaseException:
            self.close()
            raise

    def _open(self, config: Config, overwrite: bool) -> None:
        path = self.path
        if overwrite:
            self._clear()
        if self._file.exists():
            self.record = json.loads(self._file.read_text())
            self._go_on(config)
            return
        if any((path / name).exists() for name in OWN_FILES + OWN_FOLDERS):
            raise UsageError(
                f"{path} holds files of an unfinished or another run but no run.json: choose "
                "another --workdir, or start anew with --overwrite"
            )
        (path / "config.yaml").write_text(to_yaml(config))
        self.record = {
            "finished": False,
            "seed": config.train.seed,
            "versions": versions(),
            "git": _git_revision(),
            "machine": machine(),
            "auto": {},
        }
        self.save()

    def close(self) -> None:
        """Let other processes have the folder."""
        self._lock.close()

    def _go_on(self, config: Config) -> None:
        """Refuse to go on with other settings, naming them; but a stage may get another length."""
        now = _flat(plain(config))
        # what was no setting yet when the run began counts as its default
        before = _flat(_defaults(type(config)))
        before |= _flat(yaml.safe_load((self.path / "config.yaml").read_text()))
        changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
        other = [name for name in changed if name not in BUDGET]
        if other:
            raise UsageError(
                f"{self.path} holds a run with other settings ({', '.join(changed)}): "
                f"{self._advice}"
            )
        stages = {BUDGET[name] for name in changed}
        if "stage1" in stages and any((self.path / "checkpoints").glob("*-stage2")):
            raise UsageError(
                f"{self.path} is in stage 2 already: the length of stage 1 "
                f"({', '.join(n for n in changed if BUDGET[n] == 'stage1')}) can no longer change"
            )
        if stages:
            self.record["finished"] = False
            self.save()
            beside = self.path / "config.yaml.new"
            beside.write_text(to_yaml(config))
            beside.replace(self.path / "config.yaml")

    def save(self) -> None:
        """Write `run.json`, beside and renamed."""
        beside = self._file.with_suffix(".json.new")
        beside.write_text(json.dumps(self.record, indent=2) + "\n")
        beside.replace(self._file)

    def finish(self) -> None:
        """Mark the run as done and drop the decoded photographs."""
        self.record["finished"] = True
        self.save()
        shutil.rmtree(self.path / "cache", ignore_errors=True)

    def _clear(self) -> None:
        # what a user put beside a run stays
        for name in OWN_FOLDERS:
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in OWN_FILES:
            (self.path / name).unlink(missing_ok=True)


class WorkerDir(WorkDir):
    """What a worker beside the chief has: the chief's record, and a folder that is thrown away."""

    def __init__(self, path: Path) -> None:
        """Read the record that the chief has written to `path`."""
        self._folder = tempfile.TemporaryDirectory(prefix="srgan_keras-worker-")
        self.path = Path(self._folder.name)
        self.record = json.loads((path / "run.json").read_text())

    def save(self) -> None:
        """Leave the record to the chief."""

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()


def recorded_auto(path: Path) -> dict[str, Any]:
    """Return what each `auto` became in the run that a folder holds, if it holds one."""
    file = path / "run.json"
    return json.loads(file.read_text())["auto"] if file.exists() else {}


def versions() -> dict[str, str]:
    """Return the versions of what a result depends on."""
    packages = ("tensorflow", "keras", "numpy")
    return {
        "srgan_keras": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "opencv": cv2.__version__,
    }


def _make_writable(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = "a file is in its place" if path.is_file() else os.strerror(error.errno)
        raise UsageError(
            f"cannot write the work folder {path} ({reason}): choose another"
        ) from None


def _lock(path: Path) -> TextIO:
    """Take the folder for this process, however it may end."""
    file = (path / ".lock").open("a+")
    if not lock.take(file):
        file.seek(0)
        holder = file.read().strip() or "another run"
        file.close()
        raise UsageError(f"{path} is in use by {holder}: wait for it, or choose another --workdir")
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file


def _defaults(kind: type) -> dict[str, Any]:
    fields = dataclasses.fields(kind)
    values = {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
    parts = [f for f in fields if f.default_factory is not dataclasses.MISSING]
    return values | {f.name: plain(f.default_factory()) for f in parts}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


def _git_revision() -> str | None:
    """Return the revision of the clone that the package runs from, if it runs from one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
