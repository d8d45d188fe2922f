"""The files of a folder: photographs with id, split and grade; masks; skipped files."""

import hashlib
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from srgan_keras.data.decode import SUFFIXES, is_photograph, stem
from srgan_keras.data.grades import grades
from srgan_keras.errors import UsageError
from srgan_keras.output_folder import originals

_SPLIT_NAMES = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_SPLIT_NAMES |= dict.fromkeys(("val", "valid", "validation"), "validation")
_MASK_FOLDERS = {"mask", "masks", "1st_manual", "2nd_manual", "manual"}
_MASK_FILE = re.compile(r"(_1stHO|_2ndHO|_manual[12]|_mask)$")
_KINDS = ", ".join(suffix[1:] for suffix in SUFFIXES)
_LONGEST_ID = 120  # bytes; a file system takes names of 255
_MACOS_FOLDERS = {"__MACOSX", ".AppleDouble", ".Trashes"}


@dataclass(frozen=True, slots=True)
class File:
    """A file that has the suffix of a photograph and is not a mask."""

    id: str
    """Unique in the folder, valid as the name of a file, UTF-8."""
    root: Path
    name: str
    """Path below the folder, as the file system has it."""
    split: str
    """train, validation or test, if the name of a folder says so, otherwise empty."""
    grade: int | None

    # not stored: a path takes ten times the memory of a name, and there may be 100,000
    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.root / self.name

    @property
    def source(self) -> str:
        """Path below the folder, UTF-8."""
        return printable(self.name)


@dataclass(frozen=True)
class Listing:
    """The contents of a folder.

    Attributes:
        files: candidates, sorted by path; none has been read.
        masks: number of files whose names say that they are annotations.
        others: number of files with another suffix.
        macos: number of files that macOS left beside them, see `of_macos`.
        left_out: (path below the folder, reason) of the skipped links and folders.
    """

    files: list[File]
    masks: int
    others: int
    macos: int
    left_out: list[tuple[str, str]] = field(default_factory=list)


def listing(root: Path, part: str = "") -> Listing:
    """List a folder as `walk` does.

    Args:
        root: the folder.
        part: if given, list only the files with this folder on their way, such as `hr`.

    Raises:
        UsageError: the folder holds no photograph, or an unusable table.
    """
    found, left_out = walk(root)
    if part:
        found = [name for name in found if part in Path(name).parts[:-1]]
    names = [name for name in found if not of_macos(name)]
    unmasked = [name for name in names if not _is_mask(Path(name))]
    photographs = [name for name in originals(root, unmasked) if is_photograph(root / name)]
    if not photographs:
        where = f"{part}/ of {root}" if part else root
        raise UsageError(f"no photographs in {where}: put {_KINDS} files into it")
    stems = Counter(stem(Path(name)) for name in photographs)
    by_stem = grades(root, set(stems))
    taken: set[str] = set()
    files = []
    for name in photographs:
        relative = Path(name)
        short = stem(relative)
        whole = short if stems[short] == 1 else "-".join((*relative.parts[:-1], short))
        folders = relative.parts[:-1]
        split = next((s for folder in folders if (s := split_of(folder))), "")
        grade = by_stem.get(short)
        id_ = _id(printable(whole), name, taken)
        files.append(File(id_, root, name, split, grade))
    masks, others = len(names) - len(unmasked), len(unmasked) - len(photographs)
    return Listing(files, masks, others, len(found) - len(names), left_out)


def of_macos(name: str) -> bool:
    """Tell whether macOS made the file: `._NAME` beside NAME, or anything in `__MACOSX`.

    Args:
        name: path below the folder that was listed.
    """
    path = Path(name)
    return path.name.startswith("._") or not _MACOS_FOLDERS.isdisjoint(path.parts[:-1])


def printable(name: str) -> str:
    """Return a file's name as text that a table keeps and that can name a file here.

    Control characters and bytes that are not UTF-8 become a backslash, x and two digits. So do the
    characters that the locale lacks, if it is not UTF-8.
    """
    here = sys.getfilesystemencoding()
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    text = text.encode(here, "backslashreplace").decode(here)
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: rf"\x{ord(found[0]):02x}", text)


def _id(wanted: str, name: str, taken: set[str]) -> str:
    id_ = wanted
    if len(wanted.encode()) > _LONGEST_ID or wanted in taken:
        start = wanted.encode()[:_LONGEST_ID].decode("utf-8", "ignore")
        id_ = f"{start}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
    taken.add(id_)
    return id_


def walk(root: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """List the files of a folder at any depth; links to folders are followed.

    Each folder is read once, so a loop of links ends. A folder is read under its own name, if that
    is below `root`, rather than under the name of a link to it.

    Returns:
        The paths of the files below `root`, sorted, and (path, reason) of the skipped folders.
    """
    names: list[str] = []
    left_out: list[tuple[str, str]] = []
    seen: set[tuple[int, int]] = set()

    def below(path: str | Path) -> str:
        return os.path.relpath(path, root)

    def failed(error: OSError) -> None:
        left_out.append((printable(below(error.filename)), "folder cannot be read"))

    starts = [os.fspath(root)]
    while starts:
        links: list[str] = []
        for folder, folders, files in chain.from_iterable(
            os.walk(start, onerror=failed) for start in starts
        ):
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                left_out.append((printable(below(folder)), "link to a folder read already"))
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            names += [below(os.path.join(folder, name)) for name in files]
            paths = [os.path.join(folder, name) for name in folders]
            links += [path for path in paths if os.path.islink(path)]
        starts = sorted(links, key=os.fsencode)
    return sorted(names, key=os.fsencode), left_out


def _is_mask(relative: Path) -> bool:
    folders = {part.lower() for part in relative.parts[:-1]}
    return bool(folders & _MASK_FOLDERS) or bool(_MASK_FILE.search(relative.stem))


def split_of(folder: str) -> str | None:
    """Return the split that a folder of this name holds, or None."""
    return _SPLIT_NAMES.get(folder.lower().removesuffix("_images"))
