"""Keep a long training in files under 8 MB, and restore it exactly.

    python docs/reproduction/snapshot.py save runs/author docs/reproduction/snapshots/author
    python docs/reproduction/snapshot.py restore docs/reproduction/snapshots/author runs/author

A snapshot holds the newest checkpoint (weights, optimizer moments, step), the history and the
configuration. Training resumes from a restored run directory with the command that began the run.
The photographs are not part of it: the command names them.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

PART_BYTES = 7_500_000
RUN_FILES = ("config.yaml", "run.json", "history.csv")


def save(run: Path, snapshot: Path) -> None:
    """Write the newest checkpoint of a run directory, split into parts.

    Raises:
        SystemExit: the run directory has no checkpoint, or a file differs from its checksum.
    """
    checkpoints = sorted(run.glob("checkpoints/[0-9]*-*"))
    if not checkpoints:
        raise SystemExit(f"{run} has no checkpoint: train first")
    newest = checkpoints[-1]
    _check(newest)
    shutil.rmtree(snapshot, ignore_errors=True)
    target = snapshot / newest.name
    target.mkdir(parents=True)
    for name in RUN_FILES:
        shutil.copy(run / name, snapshot)
    for file in newest.iterdir():
        content = file.read_bytes()
        for i, start in enumerate(range(0, len(content), PART_BYTES)):
            (target / f"{file.name}.{i:03d}").write_bytes(content[start : start + PART_BYTES])
    print(f"{snapshot}: {newest.name}, {sum(f.stat().st_size for f in target.iterdir())} bytes")


def restore(snapshot: Path, run: Path) -> None:
    """Make a run directory from a snapshot.

    Raises:
        SystemExit: the run directory exists, or a file differs from its checksum.
    """
    if run.exists():
        raise SystemExit(f"{run} exists: choose another run directory")
    (source,) = (path for path in snapshot.iterdir() if path.is_dir())
    target = run / "checkpoints" / source.name
    target.mkdir(parents=True)
    for name in RUN_FILES:
        shutil.copy(snapshot / name, run)
    for part in sorted(source.iterdir()):
        with (target / part.stem).open("ab") as file:
            file.write(part.read_bytes())
    _check(target)
    print(f"{run}: {target.name}")


def _check(checkpoint: Path) -> None:
    expected = json.loads((checkpoint / "state.json").read_text())["files"]
    for name, digest in expected.items():
        if hashlib.sha256((checkpoint / name).read_bytes()).hexdigest() != digest:
            raise SystemExit(f"{checkpoint / name} is damaged")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=["save", "restore"])
    parser.add_argument("source", type=Path, help="run directory (save) or snapshot (restore)")
    parser.add_argument("target", type=Path, help="snapshot (save) or run directory (restore)")
    options = parser.parse_args()
    {"save": save, "restore": restore}[options.action](options.source, options.target)
