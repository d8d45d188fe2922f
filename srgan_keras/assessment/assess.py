"""The command `assess`: a table of photographs, with measures and a recommendation for each."""

import csv
import glob
import logging
import math
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path

from tqdm import tqdm

from srgan_keras.assessment.measures import Measures, measure
from srgan_keras.assessment.recommend import recommend
from srgan_keras.console import say
from srgan_keras.data.decode import SUFFIXES, Reason, decode, read_bytes
from srgan_keras.data.listing import listing, printable
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.files import atomic_write
from srgan_keras.options import AssessOptions

log = logging.getLogger(__name__)

MEASURES = tuple(field.name for field in fields(Measures))
COLUMNS = ("file", "recommendation", "model", "reason", "faults", *MEASURES)
FAILED = "unreadable"

Row = dict[str, str]


def assess(options: AssessOptions) -> None:
    """Measure photographs and write the table; print how many have each recommendation.

    Each finished row goes to a file beside the table at once, and an interrupted command resumes
    from it. The table itself appears when it is complete.

    Raises:
        UsageError: wrong use or input.
        CommandError: the table is written, but some files could not be read.
    """
    files = list(dict.fromkeys(_files(options.inputs)))
    out = options.out
    _refuse_foreign(out)
    if out.exists() and not options.overwrite:
        raise UsageError(f"{out} exists: choose another file, or set overwrite to replace it")
    unfinished = out.with_name(f".{out.stem}.unfinished{out.suffix}")
    _refuse_foreign(unfinished)
    done = _finished(unfinished, files)
    if done:
        log.info("%s: %d photographs are assessed already", unfinished, len(done))
    todo = [file for file in files if _name(file) not in done]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _write_table(unfinished, list(done.values()))  # without a half-written last line
        with unfinished.open("a", newline="", encoding="utf-8") as table:
            writer = csv.DictWriter(table, COLUMNS)
            for row in tqdm(_rows(todo), total=len(todo), unit="photo", disable=None):
                writer.writerow(row)
                table.flush()
                done[row["file"]] = row
        _write_table(out, [done[_name(file)] for file in files])
        unfinished.unlink(missing_ok=True)  # another process may have made the same table
    except OSError as error:
        if error.filename is None:
            raise
        raise UsageError(f"cannot write {out}: {error.strerror}") from None
    found = Counter(done[_name(file)]["recommendation"] for file in files)
    say(", ".join(f"{name} {count}" for name, count in sorted(found.items())))
    if failed := found[FAILED]:
        raise CommandError(f"{failed} of {len(files)} files could not be read: see {out}")


def _refuse_foreign(file: Path) -> None:
    """Refuse to replace a file that is not a table of `assess`, such as an input."""
    if file.is_dir():
        raise UsageError(f"{file} is a folder: give a file, such as {file / 'quality.csv'}")
    if file.is_file():
        with file.open("rb") as table:
            ours = table.readline().strip() == ",".join(COLUMNS).encode()
        if not ours:
            raise UsageError(f"{file} exists, and `assess` did not write it: choose another file")


def _files(inputs: Sequence[str]) -> Iterator[Path]:
    """Find the photographs of files, folders and globs; annotations are skipped."""
    for given in inputs:
        exists = os.path.exists(given)
        paths = [Path(given)] if exists else [Path(path) for path in sorted(glob.glob(given))]
        if not paths:
            raise UsageError(f"no file, folder or match of {given!r}: give an existing path")
        for path in paths:
            if not path.is_dir():
                yield path
                continue
            found = listing(path)
            if found.masks or found.others:
                log.info(
                    "%s: %d annotations and %d other files are skipped",
                    *(path, found.masks, found.others),
                )
            for name, reason in found.left_out:
                log.warning("%s is skipped: %s", path / name, reason)
            yield from (file.path for file in found.files)


def _rows(files: Sequence[Path]) -> Iterator[Row]:
    """Assess files on all cores, in their order; few are read ahead, so memory stays bounded."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque = deque()
        for file in files:
            ahead.append(pool.submit(_row, file))
            if len(ahead) > workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _row(file: Path) -> Row:
    """Return the line of a file, all cells as text."""
    try:
        if file.suffix.lower() not in SUFFIXES:
            raise Reason(f"not of the kinds {', '.join(SUFFIXES)}")
        found = measure(decode(read_bytes(file)))
    except (Reason, UsageError) as error:
        log.warning("%s cannot be read: %s", file, error)
        return dict.fromkeys(COLUMNS, "") | {
            "file": _name(file),
            "recommendation": FAILED,
            "reason": str(error),
        }
    advice = recommend(found)
    about = {
        "file": _name(file),
        "recommendation": advice.action,
        "model": advice.model,
        "reason": advice.reason,
        "faults": " ".join(advice.faults),
    }
    return about | {name: _cell(value) for name, value in asdict(found).items()}


def _name(file: Path) -> str:
    return printable(str(file))


def _cell(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if value != value else f"{value:.4f}"  # NaN


def _finished(unfinished: Path, files: Sequence[Path]) -> dict[str, Row]:
    """Read the rows that an interrupted command has left.

    Half a line is dropped, and so are the rows of files that could not be read or that changed
    after the interruption: these files are read again.
    """
    if not unfinished.is_file():
        return {}
    stopped = unfinished.stat().st_mtime
    unchanged = {_name(file) for file in files if _changed(file) <= stopped}
    text = unfinished.read_text(encoding="utf-8", errors="replace")
    rows = csv.DictReader(text[: text.rfind("\n") + 1].splitlines(keepends=True))
    return {
        row["file"]: row
        for row in rows
        if None not in row.values() and None not in row
        if row["recommendation"] != FAILED and row["file"] in unchanged
    }


def _changed(file: Path) -> float:
    """Return when a file was written or renamed; an older one that replaces it is new, too."""
    try:
        status = file.stat()
    except OSError:
        return math.inf
    return max(status.st_mtime, status.st_ctime)


def _write_table(file: Path, rows: Sequence[Row]) -> None:
    with atomic_write(file) as partial, partial.open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
