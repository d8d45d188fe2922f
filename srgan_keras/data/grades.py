"""Tables of grades next to the photographs, as on Kaggle."""

import logging
from pathlib import Path

from srgan_keras.data.csv_table import BLANK, column, known_name, read_table
from srgan_keras.errors import UsageError

log = logging.getLogger(__name__)

GRADES = ("0", "1", "2", "3", "4")
_IDS = ("id_code", "image")  # of 2019 and of 2015
_LABELS = ("diagnosis", "level")
_NO_GRADES = ("sample_submission.csv", "test.csv", "PROVENANCE.csv", "manifest.csv")


def grades(root: Path, stems: set[str]) -> dict[str, int]:
    """Read the CSV files in `root` with the columns id_code and diagnosis, or image and level.

    Args:
        root: folder of the dataset.
        stems: names of its photographs without suffix.

    Returns:
        The grade, 0 to 4, by name. One warning per table and problem counts the unusable rows.

    Raises:
        UsageError: a table is not text, or all photographs of a training table are missing.
    """
    merged: dict[str, int] = {}
    for table in sorted(root.glob("*.csv")):
        if table.name.startswith("._"):  # of macOS
            continue
        rows = _rows(table, stems)
        found, again = {}, []
        for name, grade in rows:
            if name and found.setdefault(name, grade) != grade:
                again.append(name)
        if found and not stems & found.keys() and table.name.startswith("train"):
            raise UsageError(
                f"{table}: all of its {len(found)} photographs are missing: put them into "
                f"{root / 'train_images'}"
            )
        wrong = sorted(name for name, grade in found.items() if grade not in ("", *GRADES))
        _warn(table, sorted(found.keys() - stems), len(found), "photographs are missing")
        _warn(table, wrong, len(found), "grades are not 0 to 4 and are ignored")
        _warn(table, again, len(rows), "rows give a photograph another grade than an earlier row")
        good = {name: int(grade) for name, grade in found.items() if grade in GRADES}
        differing = sorted(n for n in good.keys() & merged.keys() if good[n] != merged[n])
        _warn(
            table,
            differing,
            len(found),
            "grades differ from those of an earlier table, which counts",
        )
        merged = good | merged
    return merged


def _rows(table: Path, stems: set[str]) -> list[tuple[str, str]]:
    """Return name and grade of each row; the grade is a number as text, or "" where it is blank."""
    columns, rows = read_table(table)
    ids, labels = column(columns, *_IDS), column(columns, *_LABELS)
    if ids is None or labels is None:
        if table.name not in _NO_GRADES:
            log.warning("%s has no columns id_code and diagnosis: ignored", table)
        return []
    nameless = [f"line {number}" for number, row in rows if not row[ids]]
    _warn(table, nameless, len(rows), "rows have no id")
    return [(known_name(row[ids], stems), _grade(row[labels])) for _, row in rows if row[ids]]


def _grade(cell: str) -> str:
    if cell.lower() in BLANK:
        return ""
    try:
        number = float(cell.replace(",", "."))
    except ValueError:
        return cell
    return str(int(number)) if number in range(5) else cell


def _warn(table: Path, names: list[str], count: int, problem: str) -> None:
    if names:
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        log.warning(
            "%s: %d of %d %s (%s); using the rest", table, len(names), count, problem, shown
        )
