"""Tables of grades next to the photographs, as on Kaggle."""

import csv
import logging
from pathlib import Path

from srgan_keras.errors import UsageError

log = logging.getLogger(__name__)

GRADES = ("0", "1", "2", "3", "4")
_COLUMNS = {"id_code", "diagnosis"}
_NO_GRADES = ("sample_submission.csv", "test.csv", "PROVENANCE.csv", "manifest.csv")


def grades(root: Path, stems: set[str]) -> dict[str, int]:
    """Read the CSV files in `root` with the columns id_code and diagnosis.

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
        found = _rows(table)
        if found and not stems & found.keys() and table.name.startswith("train"):
            raise UsageError(
                f"{table}: all of its {len(found)} photographs are missing: put them into "
                f"{root / 'train_images'}"
            )
        wrong = sorted(name for name, grade in found.items() if grade not in ("", *GRADES))
        _warn(table, sorted(found.keys() - stems), len(found), "photographs are missing")
        _warn(table, wrong, len(found), "grades are not 0 to 4 and are ignored")
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


def _rows(table: Path) -> dict[str, str]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            columns = set(rows.fieldnames or ())
            if columns >= _COLUMNS:
                return {
                    row["id_code"]: (row["diagnosis"] or "").strip()
                    for row in rows
                    if row["id_code"]
                }
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UsageError(f"{table} is not a CSV file in UTF-8: repair or remove it") from None
    if table.name not in _NO_GRADES:
        log.warning("%s has no columns id_code and diagnosis: ignored", table)
    return {}


def _warn(table: Path, names: list[str], count: int, problem: str) -> None:
    if names:
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        log.warning(
            "%s: %d of %d %s (%s); using the rest", table, len(names), count, problem, shown
        )
