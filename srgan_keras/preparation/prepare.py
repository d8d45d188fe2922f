"""`srgan-keras prepare DATASET --out DIR`: check, crop, scale and split photographs once.

`journal.jsonl` has a line for each file, written after its images. An interrupted run resumes, and
a finished one processes only new and changed files. `prepared.json` is written last; without it no
command reads the folder.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from srgan_keras.console import say
from srgan_keras.data import datasets, prepared
from srgan_keras.data.listing import File, Listing, listing
from srgan_keras.data.photograph import SPLITS
from srgan_keras.errors import UsageError
from srgan_keras.files import atomic_write, write_json
from srgan_keras.options import PrepareOptions
from srgan_keras.output_folder import KEPT, OutputFolder
from srgan_keras.preparation import memory
from srgan_keras.preparation.card import SHOWN, write_card
from srgan_keras.preparation.duplicates import Described
from srgan_keras.preparation.intake import Measured, take_in
from srgan_keras.preparation.splits import assign, conflicts, group

log = logging.getLogger(__name__)

BOOKS = (
    *(prepared.JOURNAL, prepared.INFO, prepared.MANIFEST, "card.md"),
    *("card/contact_sheet.jpg", "card/figures.png", "card/copies.jpg"),
)
"""The files of a preprocessed dataset besides its images and masks."""

Key = tuple[str, str, int, int]
"""Source, id, size, time of change; if one differs, the file is processed again."""


def prepare(options: PrepareOptions) -> dict[str, Any]:
    """Run the command, print a summary of the files, return the contents of prepared.json.

    Raises:
        UsageError: wrong use or input; with `strict`, a file was skipped.
    """
    source, out = Path(options.data), options.out
    if options.hr_long_side < 0:
        raise UsageError(
            f"hr_long_side must be 0 (native size) or more, not {options.hr_long_side}"
        )
    if not source.is_dir() or prepared.is_prepared(source):
        raise UsageError(f"{source} is not a folder of original photographs: choose another folder")
    if datasets.is_paired(options.data):
        raise UsageError(
            f"{source} is a paired dataset, which needs no preparation: use it as it is"
        )
    output = OutputFolder(out, "prepare")
    if out.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{out} is inside {source}: choose an output folder outside of it")
    output.refuse_inputs(source)
    _refuse_other_files(output)
    output.make()
    lock = output.lock()
    try:
        return _prepare(output, source, options)
    finally:
        lock.release()


def _prepare(output: OutputFolder, source: Path, options: PrepareOptions) -> dict[str, Any]:
    out = output.path
    settings = {"hr_long_side": options.hr_long_side, "fov_mask": options.fov_mask}
    found = listing(source)
    output.refuse_inputs(*(file.path for file in found.files))  # since the folder was locked
    journal = _open(output, settings, options.overwrite)
    rows, described, thumbnails = _take_in_all(found.files, journal, output, options)
    rows += [prepared.Row(source, "", reason=reason) for source, reason in found.left_out]
    rows.sort(key=lambda row: row.source)
    group(described, rows, out)
    assign(rows)
    if all(row.reason for row in rows):
        raise UsageError(f"all {len(rows)} files of {source} are skipped: {rows[0].reason}")
    _place(output, rows)
    output.claim(*BOOKS)
    prepared.write_manifest(out, rows)
    write_card(out, rows, thumbnails)
    counts = _counts(found, rows)
    info = {
        "version": prepared.VERSION,
        "source": str(source),
        "options": settings,
        "counts": counts,
        "label_conflicts": conflicts(rows),
        "manifest_sha256": prepared.manifest_sha256(out),
    }
    skipped = sum(counts["left_out"].values()) if options.strict else 0
    if not skipped:  # before printing, which may fail
        write_json(out / prepared.INFO, info, indent=1)
    say(_text(out, counts, info["label_conflicts"]))
    if skipped:
        raise UsageError(f"{skipped} files are skipped: remove them, or do not set strict")
    return info


def _open(output: OutputFolder, settings: dict[str, Any], overwrite: bool) -> dict[Key, Measured]:
    """Begin in an empty folder, or read the journal of an earlier run."""
    out = output.path
    journal = out / prepared.JOURNAL
    try:
        if prepared.is_prepared(out) and not output.names:
            _adopt(output)
        if overwrite:
            output.clear()
        output.claim(*BOOKS)
        lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
        (out / prepared.INFO).unlink(missing_ok=True)
        done = [entry for line in lines[1:] if (entry := _entry(line))]
        if lines and _entry(lines[0]) != settings:
            raise UsageError(
                f"{out} was prepared with other options: choose another folder or set overwrite"
            )
        # rewritten without the half line that a kill leaves; of several entries for an id only the
        # last is kept, since it made the images
        kept = {entry[0][1]: entry for entry in done}
        text = [settings, *kept.values()]
        with atomic_write(journal) as partial:
            lines = [json.dumps(entry) + "\n" for entry in text]
            partial.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {out} ({error.strerror}): choose another folder") from None
    return {tuple(key): measured for key, measured in kept.values()}


def _refuse_other_files(output: OutputFolder) -> None:
    """Refuse a folder that `prepare` did not begin in and that is not empty."""
    out = output.path
    if output.names or prepared.is_prepared(out) or not out.is_dir():
        return
    if any(file.name not in KEPT for file in out.iterdir()):
        raise UsageError(f"{out} holds other files: choose an empty folder")


def _adopt(output: OutputFolder) -> None:
    """Record what an earlier version wrote: the images that its journal names, and its books."""
    journal = output.path / prepared.JOURNAL
    lines = journal.read_text(encoding="utf-8").splitlines()[1:] if journal.exists() else []
    ids = [entry[0][1] for line in lines if (entry := _entry(line))]
    names = [
        *BOOKS,
        *(name for id_ in ids for split in ("", *SPLITS) for name in _images(id_, split)),
    ]
    output.record(*(name for name in names if (output.path / name).is_file()))


def _images(id_: str, split: str = "") -> list[str]:
    """Name the image and the mask of a photograph; without a split, where they are made."""
    return [Path(kind, split, f"{id_}.png").as_posix() for kind in ("images", "masks")]


def _entry(line: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(line)
    except ValueError:  # a kill left half a line
        return None


def _take_in_all(
    files: list[File], done: dict[Key, Measured], output: OutputFolder, options: PrepareOptions
) -> tuple[list[prepared.Row], dict[str, Described], dict[str, np.ndarray]]:
    """Process new and changed files on all cores.

    Returns:
        The rows; the descriptions that find copies, by source; known thumbnails, by id.
    """
    out, long_side = output.path, options.hr_long_side
    keys = {file.source: _key(file) for file in files}
    present = _present(output, {file.id for file in files})
    todo = [
        file
        for file in files
        if "sha256" not in (seen := done.get(keys[file.source], {}))  # never read
        or (not seen["reason"] and file.id not in present)
    ]
    if len(todo) < len(files):
        log.info("%d of %d files are already prepared", len(files) - len(todo), len(files))
    output.claim(*(name for file in todo for name in _images(file.id)))
    rows: list[prepared.Row] = []
    described: dict[str, Described] = {}
    thumbnails: dict[str, np.ndarray] = {}

    def keep(file: File, values: Measured) -> None:
        row = prepared.Row(file.source, file.id, file.split, file.grade)
        for name in values.keys() - {"described"}:
            setattr(row, name, values[name])
        if "described" in values:
            described[row.source] = Described(**values["described"])
        rows.append(row)

    new = {file.id for file in todo}
    known = {id_ for _, id_, _, _ in done} & new
    for file in files:
        if file.id not in new:
            keep(file, done.pop(keys.pop(file.source)))
    with (out / prepared.JOURNAL).open("a", encoding="utf-8") as journal:
        # from here on, older entries say nothing about the images of these ids
        started = [[keys[file.source], {}] for file in todo if file.id in known]
        journal.writelines(json.dumps(entry) + "\n" for entry in started)
        journal.flush()
        if options.runner == "beam":
            results = _run_beam(todo, options)
        else:
            results = run_local(todo, out, long_side, options.fov_mask)
        with memory.kept():
            for file, values in tqdm(results, "preparing", len(todo), unit="file", disable=None):
                if "thumbnail" in values:
                    thumbnails[file.id] = values.pop("thumbnail")
                journal.write(json.dumps([keys.pop(file.source), values]) + "\n")
                journal.flush()
                keep(file, values)
    return rows, described, thumbnails


def run_local(
    files: list[File], out: Path, long_side: int, fov_mask: int
) -> Iterator[tuple[File, Measured]]:
    """Process files on all cores, a few at a time; the order of the results varies."""
    every = max(1, -(-len(files) // SHOWN))
    workers = os.cpu_count() or 1
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # one thread per file: OpenCV and NumPy release the lock
    pending: dict[Future, File] = {}
    pool = ThreadPoolExecutor(workers)
    try:
        for index, file in enumerate(files):
            shown = index % every == 0
            arguments = file.path, file.id, out, long_side, fov_mask, shown
            pending[pool.submit(take_in, *arguments)] = file
            if len(pending) > 2 * workers:
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                yield from [(pending.pop(one), one.result()) for one in finished]
        while pending:
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            yield from [(pending.pop(one), one.result()) for one in finished]
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(threads)


def _run_beam(files: list[File], options: PrepareOptions) -> Iterator[tuple[File, Measured]]:
    """Process files by Apache Beam; if it is killed before its end, the next run starts it over."""
    from srgan_keras.beam import run_beam  # an extra

    make = partial(_taker, options.out.resolve(), options.hr_long_side, options.fov_mask)
    workers = os.cpu_count() or 1
    for done in run_beam(files, make, options.out, options.beam_options, workers):
        yield files[done.index], done.value


def _taker(out: Path, long_side: int, fov_mask: int) -> Callable[[File], Measured]:
    return lambda file: take_in(file.path, file.id, out, long_side, fov_mask)


def _key(file: File) -> Key:
    try:
        status = file.path.stat()
    except OSError:
        return file.source, file.id, -1, -1
    return file.source, file.id, status.st_size, status.st_mtime_ns


def _present(output: OutputFolder, ids: set[str]) -> set[str]:
    """Return the ids that have both images.

    Raises:
        UsageError: a file that `prepare` did not write has the name of an image.
    """
    both = []
    for kind in ("images", "masks"):
        folders = [output.path / kind / split for split in ("", *SPLITS)]
        found = [f for folder in folders for f in folder.glob("*.png") if f.stem in ids]
        output.check(*(file.relative_to(output.path).as_posix() for file in found))
        both.append({file.stem for file in found})
    return both[0] & both[1]


def _place(output: OutputFolder, rows: list[prepared.Row]) -> None:
    """Move the images to the folders of their splits; delete those of deleted files."""
    out = output.path
    wanted = {f"{row.id}.png": row.split for row in rows if not row.reason}
    for kind in ("images", "masks"):
        for split in SPLITS:
            (out / kind / split).mkdir(parents=True, exist_ok=True)
    output.claim(*(name for row in rows if not row.reason for name in _images(row.id, row.split)))
    gone = []
    # an image that was made again is at the top, and replaces its older version
    for name in sorted(output.names, key=lambda name: -name.count("/")):
        file = out / name
        kind = name.partition("/")[0]
        if kind not in ("images", "masks"):
            continue
        split = wanted.get(file.name)
        if split is None:
            gone.append(name)
        elif file.parent.name != split:
            if file.exists():
                file.replace(out / kind / split / file.name)
            gone.append(name)
    output.remove(*gone)


def _counts(found: Listing, rows: list[prepared.Row]) -> dict[str, Any]:
    kept = Counter(row.split for row in rows if not row.reason)
    copies = Counter(row.group for row in rows if row.group)
    return {
        "found": len(rows),
        "kept": sum(kept.values()),
        "splits": {split: kept[split] for split in SPLITS},
        "groups_of_copies": sum(count > 1 for count in copies.values()),
        "copies": sum(count for count in copies.values() if count > 1),
        "left_out": dict(sorted(Counter(row.reason for row in rows if row.reason).items())),
        "masks": found.masks,
        "other_files": found.others,
        "macos_files": found.macos,
    }


def _text(out: Path, counts: dict[str, Any], conflicts: list[dict[str, int]]) -> str:
    splits = ", ".join(f"{count} {split}" for split, count in counts["splits"].items())
    lines = [
        f"{out}: {counts['found']} files found, {counts['kept']} kept ({splits})",
        *(f"  skipped: {count} {reason}" for reason, count in counts["left_out"].items()),
        f"  other files: {counts['masks']} masks, {counts['other_files']} others, "
        f"{counts['macos_files']} of macOS",
        f"  copies of one photograph: {counts['copies']} in {counts['groups_of_copies']} groups",
        *(f"  copies with different grades: {group}" for group in conflicts),
    ]
    return "\n".join(lines)
