"""Pairs of photographs of the same eye: a folder with `poor/` and `reference/`, or a table."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srgan_keras.data.csv_table import column, read_table
from srgan_keras.data.listing import SUFFIXES, of_macos
from srgan_keras.errors import UsageError

TABLE = "pairs.csv"
_COLUMNS = ("eye", "poor", "good", "grade", "H_poor_to_good")


@dataclass(frozen=True)
class Pair:
    """A poor photograph and a good one of the same eye.

    Attributes:
        eye: its name.
        poor: file.
        reference: file of the good photograph.
        grade: class of the pair, or "".
        homography: float64 [3, 3], pixels of poor -> reference; may be None.
    """

    eye: str
    poor: Path
    reference: Path
    grade: str = ""
    homography: np.ndarray | None = None


def read_pairs(source: Path) -> tuple[list[Pair], list[str]]:
    """Read the pairs of a folder or of a table.

    A folder holds `pairs.csv`, or photographs of equal names in `poor/` and `reference/`; each name
    is then an eye. A table has one line for each pair and the columns `poor` and `good`: files
    beside the table or in `images/` there. Three more columns are optional: `eye` (default: the
    good file), `grade`, and `H_poor_to_good` (nine numbers, row by row; empty: the pair is
    registered).

    Returns:
        The pairs in the order of the table or of the names, and the photographs without a partner.

    Raises:
        UsageError: there are no pairs, a file is missing, or a value cannot be read.
    """
    if source.is_file():
        return _of_table(source), []
    if (source / TABLE).is_file():
        return _of_table(source / TABLE), []
    folders = [source / name for name in ("poor", "reference")]
    if not all(folder.is_dir() for folder in folders):
        raise UsageError(f"{source} is no table and holds neither {TABLE} nor poor/ and reference/")
    poor, reference = (dict(_photographs(folder)) for folder in folders)
    names = sorted(poor.keys() & reference.keys())
    if not names:
        raise UsageError(f"poor/ and reference/ of {source} share no name: name both files alike")
    alone = [path for files in (poor, reference) for n, path in files.items() if n not in names]
    pairs = [Pair(name, poor[name], reference[name]) for name in names]
    return pairs, [str(path.relative_to(source)) for path in alone]


def _photographs(folder: Path) -> Iterator[tuple[str, Path]]:
    seen = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or of_macos(path.name):
            continue
        if path.stem in seen:
            raise UsageError(f"{path} and {seen[path.stem].name} have one name: remove one of them")
        seen[path.stem] = path
        yield path.stem, path


def _of_table(table: Path) -> list[Pair]:
    columns, rows = read_table(table)
    if not columns:
        raise UsageError(f"cannot read {table}: it is empty")
    named = {name: column(columns, name.lower()) for name in _COLUMNS}
    if missing := [name for name in ("good", "poor") if named[name] is None]:
        raise UsageError(f"{table} has no column {' and no column '.join(missing)}")
    if not rows:
        raise UsageError(f"{table} has no pairs: add a line for each")
    pairs = []
    for number, row in rows:
        line = f"{table}, line {number}"
        eye, poor, good, grade, numbers = (row.get(named[name] or "", "") for name in _COLUMNS)
        files = _file(line, table.parent, poor), _file(line, table.parent, good)
        pairs.append(Pair(eye or good, *files, grade, _homography(line, poor, numbers)))
    return pairs


def _file(line: str, folder: Path, name: str) -> Path:
    """Find a file by its name, or by its name without suffix if only one file has it."""
    name = name.replace("\\", "/") if os.sep == "/" else name
    folders = [place for place in (folder, folder / "images") if place.is_dir()]
    for place in folders:
        if name and (place / name).is_file():
            return place / name
    stem = Path(name).name
    found = [
        file
        for place in folders
        for file in sorted(place.iterdir())
        if file.suffix.lower() in SUFFIXES and file.stem in (stem, stem.removesuffix(".0"))
    ]
    if len(found) == 1:
        return found[0]
    raise UsageError(f"{line} names {name!r}, which is neither beside it nor in images/ there")


def _homography(line: str, name: str, numbers: str) -> np.ndarray | None:
    if not numbers.strip():
        return None
    try:
        matrix = np.array(numbers.split(), np.float64).reshape(3, 3)
    except ValueError:
        matrix = np.zeros((3, 3))
    if not np.isfinite(matrix).all() or not np.linalg.det(matrix):
        raise UsageError(f"{line}: H_poor_to_good of {name} is no invertible matrix of 9 numbers")
    return matrix
