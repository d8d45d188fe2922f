"""The work folder of a run: what it was asked, what it ran on, and whether it is finished."""

import json
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import yaml

import srgan_keras
from srgan_keras.config import Config, UsageError, to_yaml
from srgan_keras.training.strategy import machine

OWN_FOLDERS = ("cache", "logs", "samples", "checkpoints", "models")
OWN_FILES = (
    *("config.yaml", "run.json", "history.csv", "metrics.json", "per_image.csv"),
    *("comparison.png", "curves.png", "report.html"),
)


class WorkDir:
    """A folder that holds one run.

    Attributes:
        path: the folder.
        record: what `run.json` holds: versions, seed, git revision, machine, `auto` (what each
            `auto` became: a resumed run takes it from here), `finished`.
    """

    def __init__(self, path: Path, config: Config, overwrite: bool) -> None:
        """Open a new folder, or one whose run goes on.

        Raises:
            UsageError: it cannot be written, holds something else, or a run of other settings.
        """
        self.path = path
        self._file = path / "run.json"
        _make_writable(path)
        if overwrite:
            self._clear()
        if self._file.exists():
            self.record = json.loads(self._file.read_text())
            _same_settings(path, config)
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


def versions() -> dict[str, str]:
    """Return the versions of what a result depends on."""
    packages = ("tensorflow", "keras", "numpy")
    return {
        "srgan_keras": srgan_keras.__version__,
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


def _same_settings(path: Path, config: Config) -> None:
    """Refuse to go on with other settings, naming them."""
    before = _flat(yaml.safe_load((path / "config.yaml").read_text()))
    now = _flat(yaml.safe_load(to_yaml(config)))
    changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
    if changed:
        raise UsageError(
            f"{path} holds a run with other settings ({', '.join(changed)}): choose another "
            "--workdir, or start anew with --overwrite"
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


def _git_revision() -> str | None:
    """Return the revision of the clone that the package runs from, if it runs from one."""
    root = Path(srgan_keras.__file__).parents[1]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
