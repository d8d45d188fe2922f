"""The run directory: a run's settings, what it ran on, and whether it is finished."""

import dataclasses
import json
import logging
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import yaml

from srgan_keras.configure import plain, to_yaml
from srgan_keras.errors import UsageError
from srgan_keras.files import atomic_write, write_json
from srgan_keras.machine import machine
from srgan_keras.output_folder import OutputFolder, remove_empty
from srgan_keras.training.checkpoint import remove_checkpoints
from srgan_keras.version import __version__

log = logging.getLogger(__name__)

UNITS = ("steps", "epochs")
OWN_FOLDERS = ("cache", "logs", "samples", "checkpoints", "models", "trust", "gallery")
OWN_FILES = (
    *("config.yaml", "run.json", "history.csv", "metrics.json", "per_image.csv"),
    *("comparison.png", "curves.png", "report.html"),
)
STAGES = ("stage1", "stage2")
OLDER = ("checkpoints/*-content", "checkpoints/*-srgan", "models/content", "models/srgan")
"""Names of the stages in earlier versions."""
BUDGET = {f"train.{stage}_{unit}": stage for stage in STAGES for unit in UNITS}
"""Settings that may change when a run resumes, and the stage that each belongs to."""


class RunDir:
    """A directory that holds one run, and is held by one process.

    Attributes:
        path: the directory.
        output: the same, with the record of what the package wrote there.
        record: what `run.json` holds: versions, seed, git revision, machine, `auto` (what each
            `auto` became: a resumed run takes it from here), `finished`.
    """

    def __init__(
        self,
        path: Path,
        config: Any,  # noqa: ANN401
        overwrite: bool,
        advice: str = "choose another directory, or set overwrite to start over",
        inputs: Sequence[Path] = (),
    ) -> None:
        """Open a new directory, or one whose run resumes.

        Args:
            path: made where it does not exist.
            config: all settings of the run, a dataclass of dataclasses with `train`.
            overwrite: drop what an earlier run left.
            advice: what to do about a run of other settings.
            inputs: files and folders that the run reads.

        Raises:
            UsageError: it cannot be written, holds something else, or a run of other settings, or
                another process is at work in it. It is an input, or would replace one.
        """
        self.path, self._advice = path, advice
        self._file, self._new_settings = path / "run.json", ""
        self._config, self._overwrite = config, overwrite
        self.output = OutputFolder(path, "train")
        self.output.refuse_inputs(*inputs)
        self._refuse_foreign()
        self.output.make("the run directory")
        self._lock = self.output.lock("choose another directory")
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        record = resumable(self.path, self._config, self._overwrite)
        if self._file.exists() and not self.output.names:
            self._adopt()
        self.output.check(*OWN_FILES)
        self.output.check_folders("samples", "trust", "gallery")
        if record is None:
            self._start()
            return
        if self._overwrite:
            log.info("%s holds this very run, unfinished: it resumes", self.path)
        self.record = record
        self._resume()

    def _start(self) -> None:
        """Begin a run. A kill on the way leaves `starting`: the next command begins it again."""
        self.output.claim(self._file.name)
        self.record = {
            "finished": False,
            "starting": True,
            "overwrite": self._overwrite,
            "seed": self._config.train.seed,
            "versions": versions(),
            "git": _git_revision(),
            "machine": machine(),
            "auto": {},
        }
        self.save()
        self._clear()
        self.output.claim("config.yaml", "cache/index.json", "cache/pixels.bin")
        self._new_settings = to_yaml(self._config)
        self.save()
        del self.record["starting"]
        self.save()

    def _refuse_foreign(self) -> None:
        """Refuse a directory that holds something else under the names of a run."""
        if self._file.exists() or (self._overwrite and self.output.names):
            return
        found = [name for name in OWN_FILES + OWN_FOLDERS if (self.path / name).exists()]
        if found:
            advice = self._advice if self.output.names else "choose another directory"
            raise UsageError(f"{self.path} holds {found[0]} but no run.json: {advice}")

    def close(self) -> None:
        """Let other processes have the directory."""
        self._lock.release()

    def start_over(self, found: str) -> None:
        """Start over where `overwrite` is set; otherwise refuse what the run was `found` to hold.

        Raises:
            UsageError: `overwrite` is not set.
        """
        if not self._overwrite:
            raise UsageError(f"{self.path} holds a run with {found}: {self._advice}")
        log.info("%s holds a run with %s: it starts over", self.path, found)
        self._start()

    def _resume(self) -> None:
        """Refuse other settings, naming them, except that a stage may get another length."""
        config = self._config
        now, before = _flat(plain(config)), _settings(self.path, type(config))
        if before is None:
            raise UsageError(f"{self.path / 'config.yaml'} is damaged or missing: {self._advice}")
        self._refuse_older(sorted(before.keys() - now.keys()))
        changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
        other = [name for name in changed if name not in BUDGET]
        if other:
            self.start_over(f"other settings ({', '.join(changed)})")
        stages = {BUDGET[name] for name in changed}
        if "stage1" in stages and any((self.path / "checkpoints").glob("*-stage2")):
            raise UsageError(
                f"{self.path} is in stage 2 already: the length of stage 1 "
                f"({', '.join(n for n in changed if BUDGET[n] == 'stage1')}) can no longer change"
            )
        if stages:
            # written by `save`: the caller may refuse the run
            self.record["finished"] = False
            self._new_settings = to_yaml(config)

    def _refuse_older(self, removed: list[str]) -> None:
        """Refuse a run that an earlier version began: its stages or settings have other names."""
        left = [path for glob in OLDER for path in self.path.glob(glob)]
        signs = removed + sorted(str(path.relative_to(self.path)) for path in left)
        if signs:
            raise UsageError(
                f"{self.path} holds a run of an earlier version ({', '.join(signs)}): finish it "
                f"with that version, or {self._advice}"
            )

    def save(self) -> None:
        """Write `run.json`, then settings that are new."""
        write_json(self._file, self.record)
        if self._new_settings:
            with atomic_write(self.path / "config.yaml") as partial:
                partial.write_text(self._new_settings, encoding="utf-8")
            self._new_settings = ""

    def finish(self) -> None:
        """Mark the run as done and drop the decoded photographs."""
        self.record["finished"] = True
        self.save()
        self.output.remove("cache")

    def _clear(self) -> None:
        """Remove what runs wrote, except for the record; all other files stay."""
        remove_checkpoints(self.path / "checkpoints")
        # without the record, a kill would leave files of nobody
        self.output.remove(*(name for name in self.output.names if name != self._file.name))
        for name in OWN_FOLDERS:
            remove_empty(self.path / name)

    def _adopt(self) -> None:
        """Record the files of a run of an earlier version, which kept no record of them."""
        if self._overwrite:
            raise UsageError(
                f"{self.path} holds a run of an earlier version, which kept no list of its files: "
                "choose another directory, or delete it yourself"
            )
        files = [file for name in OWN_FOLDERS for file in (self.path / name).rglob("*")]
        files += [self.path / name for name in OWN_FILES]
        names = [f.relative_to(self.path).as_posix() for f in files if f.is_file()]
        self.output.record(*(name for name in names if not name.startswith("checkpoints/")))


class WorkerDir(RunDir):
    """The directory of a worker beside the chief: temporary, with the chief's record."""

    def __init__(self, path: Path) -> None:
        """Read the record that the chief has written to `path`."""
        self._chief = path
        self._folder = tempfile.TemporaryDirectory(prefix="srgan_keras-worker-")
        self.path = Path(self._folder.name)
        self.output = OutputFolder(self.path)
        self.start_over("")

    def start_over(self, found: str) -> None:
        """Read the record again: the chief has refused the run, or started it over."""
        self.record = json.loads((self._chief / "run.json").read_text())

    def save(self) -> None:
        """Leave the record to the chief."""

    def close(self) -> None:
        """Remove the directory."""
        self._folder.cleanup()


def resumable(path: Path, config: Any, overwrite: bool) -> dict[str, Any] | None:  # noqa: ANN401
    """Return the record of the run that a command resumes; None: it begins one.

    With `overwrite` a command resumes what the same command, `overwrite` included, has begun and
    not finished: a scheduler that repeats the command after each interruption gets to the end.

    Raises:
        UsageError: the record is damaged.
    """
    file = path / "run.json"
    if not file.exists():
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        began, own = not record.get("starting"), record.get("overwrite") and not record["finished"]
        dict(record["auto"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        if not OutputFolder(path).owns(file.name):
            raise UsageError(
                f"{file} is not the record of a run: choose another directory"
            ) from None
        if overwrite:
            return None
        raise UsageError(
            f"{file} is damaged: choose another directory, or set overwrite to start over"
        ) from None
    if overwrite:
        began = began and own and _settings(path, type(config)) == _flat(plain(config))
    return record if began else None


def versions() -> dict[str, str]:
    """Return the versions of what a result depends on."""
    packages = ("tensorflow", "keras", "numpy")
    return {
        "srgan_keras": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "opencv": cv2.__version__,
    }


def _settings(path: Path, kind: type) -> dict[str, Any] | None:
    """Return the settings of the run in a directory; None where their file is damaged."""
    try:
        found = yaml.safe_load((path / "config.yaml").read_text(encoding="utf-8"))
        # what was no setting yet when the run began counts as its default
        return _flat(_defaults(kind)) | _flat(found)
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return None


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
