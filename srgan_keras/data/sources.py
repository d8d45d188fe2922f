"""What photographs there are: SPEC -> list of `Photograph`, each with its split and grade.

SPEC is a folder of photographs (any depth), Kaggle's layout of APTOS-2019 (`train.csv` and
`train_images/`), its re-upload (`train_1.csv`, `valid.csv`, doubled folders), or `phantom[:N]`.
"""

import csv
import hashlib
import logging
import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from srgan_keras.config import UsageError
from srgan_keras.data.phantom import phantom

log = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
PHANTOM_SIZE = 512  # px, before the photographs are scaled to their working size

_SPLIT_NAMES = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_SPLIT_NAMES |= dict.fromkeys(("val", "valid", "validation"), "validation")
_MASK_FOLDERS = {"mask", "masks", "1st_manual", "2nd_manual", "manual"}
_MASK_FILE = re.compile(r"(_1stHO|_2ndHO|_manual[12]|_mask)$")


@dataclass(frozen=True)
class Photograph:
    """One photograph: a file, or the seed of a phantom."""

    id: str
    split: str
    """train, validation or test."""
    sha256: str
    """Of the file's bytes, or of the phantom's seed and size."""
    path: Path | None = None
    seed: int | None = None
    grade: int | None = None
    """Diabetic retinopathy, 0 to 4, where a table gives it."""

    def read(self) -> np.ndarray:
        """Return the pixels, uint8 RGB [H, W, 3]; a file's EXIF orientation is applied.

        Raises:
            UsageError: the file cannot be decoded.
        """
        if self.seed is not None:
            return phantom(self.seed, PHANTOM_SIZE).image
        image = cv2.imread(str(self.path), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise UsageError(f"cannot decode {self.path}: replace or remove it")
        return image


def find(spec: str) -> list[Photograph]:
    """Return all photographs of SPEC, sorted by id, each in its split.

    Raises:
        UsageError: there is no such folder, or no photograph in it.
    """
    if re.fullmatch(r"phantom(:\d+)?", spec):
        count = int(spec.partition(":")[2] or 64)
        if count == 0:
            raise UsageError("phantom:0 holds no photographs: ask for at least phantom:3")
        return draw_splits([_phantom(seed) for seed in range(count)])
    root = Path(spec)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise UsageError(
            f"data source {spec!r} {what}: give a folder of photographs or phantom[:N]"
        )
    return _folder(root)


def select(photographs: list[Photograph], split: str) -> list[Photograph]:
    """Return the photographs of one split, or every one for `all`."""
    return [p for p in photographs if split in ("all", p.split)]


def _phantom(seed: int) -> Photograph:
    digest = hashlib.sha256(f"phantom {seed} {PHANTOM_SIZE}".encode()).hexdigest()
    return Photograph(id=f"phantom-{seed:05d}", split="", sha256=digest, seed=seed)


def _folder(root: Path) -> list[Photograph]:
    files = [f for f in _walk(root) if f.suffix.lower() in SUFFIXES]
    files = [f for f in files if not _is_mask(f.relative_to(root))]
    if not files:
        raise UsageError(f"no photographs in {root} ({', '.join(s[1:] for s in SUFFIXES)})")
    stems = Counter(f.stem for f in files)
    grades = _grades(root, set(stems))
    photographs = []
    for file in files:
        relative = file.relative_to(root)
        unique = stems[file.stem] == 1
        name = file.stem if unique else "-".join(relative.with_suffix("").parts)
        split = next((s for part in relative.parts[:-1] if (s := _split_of(part))), "")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        photographs.append(Photograph(name, split, digest, path=file, grade=grades.get(file.stem)))
    if any(p.split for p in photographs):
        return _complete_splits(photographs, root)
    return draw_splits(photographs)


def _walk(root: Path) -> list[Path]:
    files = []
    for folder, _, names in os.walk(root):
        files += [Path(folder) / name for name in names]
    return sorted(files)


def _is_mask(relative: Path) -> bool:
    folders = {part.lower() for part in relative.parts[:-1]}
    return bool(folders & _MASK_FOLDERS) or bool(_MASK_FILE.search(relative.stem))


def _split_of(folder: str) -> str | None:
    return _SPLIT_NAMES.get(folder.lower().removesuffix("_images"))


def _grades(root: Path, stems: set[str]) -> dict[str, int]:
    """Read the tables beside the photographs; say which of their rows have no photograph."""
    grades: dict[str, int] = {}
    tables = [t for t in sorted(root.glob("*.csv")) if t.name != "sample_submission.csv"]
    for table in tables:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if not {"id_code", "diagnosis"} <= set(rows.fieldnames or ()):
                continue
            found = {row["id_code"]: row["diagnosis"] for row in rows if row["id_code"]}
        if found and not stems & found.keys() and table.name.startswith("train"):
            raise UsageError(
                f"{table}: none of its {len(found)} photographs is there: put them into "
                f"{root / 'train_images'}"
            )
        missing = sorted(found.keys() - stems)
        if missing:
            log.warning(
                "%s: %d of %d photographs are not there (%s%s); the rest is used",
                table,
                len(missing),
                len(found),
                ", ".join(missing[:3]),
                ", ..." if len(missing) > 3 else "",
            )
        grades |= {name: int(g) for name, g in found.items() if g and g.isdigit()}
    return grades


def _by_hash(photographs: list[Photograph]) -> list[Photograph]:
    return sorted(photographs, key=lambda p: (p.sha256, p.id))


def _label(photographs: list[Photograph], split: str) -> list[Photograph]:
    return [replace(p, split=split) for p in photographs]


def draw_splits(photographs: list[Photograph]) -> list[Photograph]:
    """Split 80/10/10 in the order of sha256: a function of the photographs alone.

    Three photographs or more leave none of the splits empty.
    """
    ordered = _by_hash(photographs)
    tenth = max(1, round(len(ordered) / 10)) if len(ordered) >= 3 else 0
    parts = ordered[2 * tenth :], ordered[:tenth], ordered[tenth : 2 * tenth]
    labelled = [_label(part, split) for part, split in zip(parts, SPLITS, strict=True)]
    return sorted(chain(*labelled), key=lambda p: p.id)


def _complete_splits(photographs: list[Photograph], root: Path) -> list[Photograph]:
    """Keep the folders' splits; take a tenth of train for validation where there is none."""
    stray = [p for p in photographs if not p.split]
    if stray:
        log.warning("%s: %d photographs outside its split folders are not used", root, len(stray))
    parts = {split: select(photographs, split) for split in SPLITS}
    if len(parts["train"]) > 1 and not parts["validation"]:
        ordered = _by_hash(parts["train"])
        tenth = max(1, round(len(ordered) / 10))
        parts["validation"] = _label(ordered[:tenth], "validation")
        parts["train"] = ordered[tenth:]
    return sorted(chain(*parts.values()), key=lambda p: p.id)
