"""The parser of DATASET, an argument of most commands: photographs with splits and grades.

DATASET is one of these:

- a folder of photographs, at any depth;
- a folder in the layout of APTOS-2019 on Kaggle (`train.csv`, `train_images/`), or of its re-upload
  (`train_1.csv`, `valid.csv`, doubled folders);
- a paired dataset: photographs of equal names in `lr/` and `hr/`, see `srgan_keras.data.paired`;
- a preprocessed dataset, which `srgan-keras prepare` wrote;
- `aptos2019`, the TensorFlow dataset of the photographs in `data/aptos2019`;
- `phantom[:N]`, N procedural photographs.
"""

import hashlib
import logging
from dataclasses import replace
from itertools import chain
from pathlib import Path

from srgan_keras.data import prepared
from srgan_keras.data.decode import Reason, read_bytes
from srgan_keras.data.listing import File, Listing, listing, split_of
from srgan_keras.data.photograph import SPLITS, Photograph, phantom_count, phantom_sha256
from srgan_keras.errors import UsageError

LR, HR = "lr", "hr"
"""Folders of a paired dataset."""

log = logging.getLogger(__name__)


def find(dataset: str) -> list[Photograph]:
    """Return all photographs of DATASET, sorted by id, each in its split.

    Raises:
        UsageError: there is no such folder, or no photograph in it.
    """
    count = phantom_count(dataset)
    if count is not None:
        return draw_splits([_phantom(seed) for seed in range(count)])
    if dataset == prepared.APTOS2019:
        from srgan_keras.data import aptos2019  # loads tensorflow_datasets: seconds

        return aptos2019.photographs(prepared.folder(dataset))
    root = existing_folder(dataset)
    if is_paired(dataset):
        return _pairs(root)
    if not prepared.is_prepared(root):
        return _folder(root)
    log.info("%s is a preprocessed dataset: using its splits and masks", root)
    return prepared.read(root)


def existing_folder(dataset: str) -> Path:
    """Return the folder that DATASET names.

    Raises:
        UsageError: it is not a folder.
    """
    root = Path(dataset)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise UsageError(f"dataset {dataset!r} {what}: use a folder of photographs or phantom[:N]")
    return root


def is_paired(dataset: str) -> bool:
    """Tell whether DATASET holds `lr/` and `hr/`, or its folders named after splits do."""
    root = Path(dataset)
    if dataset == prepared.APTOS2019 or phantom_count(dataset) is not None or not root.is_dir():
        return False
    inside = [path for path in sorted(root.iterdir()) if path.is_dir() and split_of(path.name)]
    return any((path / LR).is_dir() and (path / HR).is_dir() for path in (root, *inside))


def select(photographs: list[Photograph], split: str) -> list[Photograph]:
    """Return the photographs of one split, or every one for `all`."""
    return [p for p in photographs if split in ("all", p.split)]


def _phantom(seed: int) -> Photograph:
    return Photograph(f"phantom-{seed:05d}", split="", sha256=phantom_sha256(seed), seed=seed)


def _folder(root: Path) -> list[Photograph]:
    found = listing(root)
    photographs = []
    for file in found.files:
        try:
            digest = _sha256(file)
        except Reason as reason:
            found.left_out.append((file.source, str(reason)))
            continue
        photographs.append(Photograph(file.id, file.split, digest, file.path, grade=file.grade))
    _say_skipped(root, found)
    return _with_splits(root, photographs)


def _pairs(root: Path) -> list[Photograph]:
    """Return HR of each pair, with the place of its LR."""
    found, others = listing(root, HR), listing(root, LR)
    lr, hr = _by_place(others, LR), _by_place(found, HR)
    photographs = []
    for place in sorted(hr.keys() | lr.keys()):
        file, other = hr.get(place), lr.get(place)
        try:
            if file is None or other is None:
                raise Reason(f"no photograph of the same name in {LR if other is None else HR}/")
            digests = _sha256(file), _sha256(other)
        except Reason as reason:
            found.left_out.append(((file or other).source, str(reason)))
            continue
        photographs.append(
            Photograph(
                *(file.id, file.split, digests[0], file.path),
                grade=file.grade,
                lr_path=other.path,
                lr_sha256=digests[1],
            )
        )
    _say_skipped(root, found)
    if not photographs:
        raise UsageError(f"{LR}/ and {HR}/ of {root} share no name: name both files alike")
    return _with_splits(root, photographs)


def _by_place(found: Listing, part: str) -> dict[tuple[str, ...], File]:
    """Return the files by what LR and HR have in common: their path without suffix and folder."""
    files: dict[tuple[str, ...], File] = {}
    for file in found.files:
        parts = list(Path(file.name).with_suffix("").parts)
        parts.remove(part)
        first = files.setdefault(tuple(parts), file)
        if first is not file:
            raise UsageError(f"{file.path} and {first.path.name} have one name: remove one of them")
    return files


def _sha256(file: File) -> str:
    return hashlib.sha256(read_bytes(file.path)).hexdigest()


def _say_skipped(root: Path, found: Listing) -> None:
    for source, reason in found.left_out:
        log.warning("%s is skipped: %s", source, reason)
    if found.macos:
        log.info("%s: %d files that macOS left there are skipped", root, found.macos)


def _with_splits(root: Path, photographs: list[Photograph]) -> list[Photograph]:
    if any(p.split for p in photographs):
        return _complete_splits(photographs, root)
    return draw_splits(photographs)


def _by_hash(photographs: list[Photograph]) -> list[Photograph]:
    return sorted(photographs, key=lambda p: (p.sha256, p.id))


def _label(photographs: list[Photograph], split: str) -> list[Photograph]:
    return [replace(p, split=split) for p in photographs]


def draw_splits(photographs: list[Photograph]) -> list[Photograph]:
    """Split 80/10/10 in the order of sha256: a function of the photographs alone.

    With three photographs or more, no split is empty.
    """
    ordered = _by_hash(photographs)
    tenth = max(1, round(len(ordered) / 10)) if len(ordered) >= 3 else 0
    parts = ordered[2 * tenth :], ordered[:tenth], ordered[tenth : 2 * tenth]
    labelled = [_label(part, split) for part, split in zip(parts, SPLITS, strict=True)]
    return sorted(chain(*labelled), key=lambda p: p.id)


def _complete_splits(photographs: list[Photograph], root: Path) -> list[Photograph]:
    """Keep the folders' splits; take a tenth of train for each of validation and test if empty."""
    stray = [p for p in photographs if not p.split]
    if stray:
        log.warning("%s: %d photographs outside its split folders are skipped", root, len(stray))
    parts = {split: select(photographs, split) for split in SPLITS}
    tenth = max(1, round(len(parts["train"]) / 10))
    if not parts["test"]:
        log.info("%s has no test part: a tenth of train becomes it", root)
    for split in ("validation", "test"):
        if len(parts["train"]) > 1 and not parts[split]:
            ordered = _by_hash(parts["train"])
            parts[split] = _label(ordered[:tenth], split)
            parts["train"] = ordered[tenth:]
    return sorted(chain(*parts.values()), key=lambda p: p.id)
