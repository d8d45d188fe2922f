"""Tables as Kaggle, pandas and spreadsheets write them."""

import csv
import io
from collections.abc import Container
from pathlib import Path, PureWindowsPath

from srgan_keras.data.decode import SUFFIXES
from srgan_keras.errors import UsageError

BLANK = ("", "na", "nan", "n/a", "none", "null", "<na>")
"""Cells without a value, in lower case."""

_DELIMITERS = ",;\t|"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_table(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read a table in UTF-8 or UTF-16, delimited by commas, semicolons, tabs or bars.

    Blanks around cells, empty lines, and an empty end of a line are ignored.

    Returns:
        The columns, and the number and the cells of each line.

    Raises:
        UsageError: the file is no such text, or a line has more cells than there are columns.
    """
    try:
        data = table.read_bytes()
        text = data.decode(_MARKS.get(data[:2], "utf-8-sig")).removeprefix("\ufeff")
        if text[:4].lower() == "sep=":  # a hint for spreadsheets
            text = "\n" + text.partition("\n")[2]
        first = text.lstrip().partition("\n")[0]
        delimiter = max(_DELIMITERS, key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (OSError, UnicodeError, csv.Error):
        raise UsageError(f"{table} is not a CSV file in UTF-8: repair or remove it") from None
    lines = [(number, cells) for number, cells in lines if any(cells)]
    columns = lines[0][1] if lines else []
    rows = []
    for number, cells in lines[1:]:
        if any(cells[len(columns) :]):
            raise UsageError(
                f"{table}, line {number}: {len(cells)} cells, but {len(columns)} columns. Put "
                "quotes around a cell that holds the delimiter."
            )
        cells += [""] * (len(columns) - len(cells))
        rows.append((number, dict(zip(columns, cells, strict=False))))
    return columns, rows


def column(columns: list[str], *names: str) -> str | None:
    """Return the first of the columns that has one of the names, in upper or lower case."""
    return next((c for name in names for c in columns if c.lower() == name), None)


def known_name(cell: str, known: Container[str]) -> str:
    """Return the name that a cell stands for: it may have a folder, a suffix, or .0 at its end.

    Args:
        cell: of a table.
        known: names of photographs without suffix.

    Returns:
        One of `known`; if none fits, the cell without folder and suffix.
    """
    name = PureWindowsPath(cell).name  # also splits at /
    stem = name[: -len(suffix)] if (suffix := _suffix(name)) else name
    whole = stem.removesuffix(".0")  # pandas, for numbers of a column with blanks
    return next((n for n in (cell, name, stem, whole) if n in known), stem)


def _suffix(name: str) -> str:
    return next((s for s in SUFFIXES if name.lower().endswith(s)), "")
