"""Tables of grades beside the photographs, as Kaggle has them."""

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
        root: of the collection.
        stems: names of its photographs without suffix.

    Returns:
        The grade, 0 to 4, by name. What does not fit is said in one warning a table.

    Raises:
        UsageError: a table is no text, or none of a training table's photographs is there.
    """
    merged: dict[str, int] = {}
    for table in sorted(root.glob("*.csv")):
        found = _rows(table)
        if found and not stems & found.keys() and table.name.startswith("train"):
            raise UsageError(
                f"{table}: none of its {len(found)} photographs is there: put them into "
                f"{root / 'train_images'}"
            )
        wrong = sorted(name for name, grade in found.items() if grade not in ("", *GRADES))
        _warn(table, sorted(found.keys() - stems), len(found), "photographs are not there")
        _warn(table, wrong, len(found), "grades are none of 0 to 4 and are not used")
        good = {name: int(grade) for name, grade in found.items() if grade in GRADES}
        differing = sorted(n for n in good.keys() & merged.keys() if good[n] != merged[n])
        _warn(table, differing, len(found), "grades differ from an earlier table's, which counts")
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
        raise UsageError(f"{table} is not a CSV file in UTF-8: mend or remove it") from None
    if table.name not in _NO_GRADES:
        log.warning("%s has no columns id_code and diagnosis: not used", table)
    return {}


def _warn(table: Path, names: list[str], count: int, problem: str) -> None:
    if names:
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        log.warning(
            "%s: %d of %d %s (%s); the rest is used", table, len(names), count, problem, shown
        )
