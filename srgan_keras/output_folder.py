"""The folders that commands write into: nothing there that another wrote is replaced or removed.

A folder's record, `.srgan_keras.written`, has a line for the command that the folder belongs to and
a line for each file, written before the file itself. A path that exists and has no line belongs to
somebody else. The record of a model folder is the list `files` in its model.json.
"""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from srgan_keras.errors import UsageError
from srgan_keras.files import atomic_write

RECORD, LOCK, HOLDER = (f".srgan_keras.{name}" for name in ("written", "lock", "holder"))
KEPT = frozenset((RECORD, LOCK, HOLDER))
"""Names of the files by which the package keeps its own books in a folder."""
_PICTURES = (".png", ".webp", ".json")

_Identity = tuple[int, int]


class OutputFolder:
    """A folder that a command writes into.

    Several objects may stand for one folder: each reads what the others recorded.

    Attributes:
        path: the folder, which `make` makes.
    """

    def __init__(self, path: Path, command: str | None = None) -> None:
        """Read the record of a folder, if it has one.

        Args:
            path: the folder.
            command: the command that the folder belongs to from now on. None: any.

        Raises:
            UsageError: it belongs to another command.
        """
        self.path, self._command = path, command
        self._names: dict[str, None] = {}
        self._place = 0, 0  # inode of the record, and how many of its bytes are read
        self._read()

    def make(self, title: str = "into") -> None:
        """Make the folder where it does not exist, and find out whether files can be made in it.

        Args:
            title: how the message about it calls the folder.

        Raises:
            UsageError: they cannot.
        """
        check_writable(self.path, "choose another", title)

    def lock(self, advice: str = "choose another folder") -> FileLock:
        """Take the folder for this process, however it may end; another process is refused.

        Raises:
            UsageError: another process holds it, or the file system has no locks.
        """
        lock, holder = FileLock(self.path / LOCK), self.path / HOLDER
        try:
            lock.acquire(blocking=False)
        except Timeout:
            by = holder.read_text().strip() if holder.exists() else "another process"
            raise UsageError(f"{self.path} is in use by {by}: wait for it, or {advice}") from None
        except (OSError, NotImplementedError) as error:  # a network share may have no locks
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"cannot lock {self.path} ({reason}): {advice}, on a file system with locks"
            ) from None
        holder.unlink(missing_ok=True)  # it may be a link
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
        self._read()
        return lock

    @property
    def names(self) -> list[str]:
        """The recorded files, below the folder and with slashes."""
        return list(self._names)

    def owns(self, name: str) -> bool:
        """Tell whether a file is recorded."""
        return name in self._names

    def check(self, *names: str) -> None:
        """Check that files can be written without a loss.

        Raises:
            UsageError: something is in the place of one, and the package did not write it.
        """
        self._read()
        for name in names:
            if there := self._in_the_way(name):
                by = f"`{self._command}`" if self._command else "the package"
                raise UsageError(
                    f"{there} exists, and {by} did not write it: choose another folder"
                )

    def check_folders(self, *names: str) -> None:
        """Check that folders hold no picture that could be in the place of one to be written.

        Raises:
            UsageError: the package did not write a picture there.
        """
        for name in names:
            for file in sorted((self.path / name).rglob("*")):
                if file.suffix.lower() in _PICTURES:
                    self.check(file.relative_to(self.path).as_posix())

    def claim(self, *names: str) -> None:
        """Record files that are about to be written.

        A link in the place of one is replaced by a copy, so that nothing is written through it.

        Raises:
            UsageError: see `check` and `make`.
        """
        self.check(*names)
        for name in names:
            _unlink_from_others(self.path / name)
        self.record(*names)

    def record(self, *names: str) -> None:
        """Record files that this process has made."""
        self._read()
        new = [name for name in dict.fromkeys(names) if name not in self._names]
        if not new:
            return
        self.make()
        lines = [] if (self.path / RECORD).exists() else [{"command": self._command}]
        # each line begins with its end of line, so that half a line of a kill spoils no other
        text = "".join("\n" + json.dumps(line) for line in [*lines, *new])
        _unlink_from_others(self.path / RECORD)
        with (self.path / RECORD).open("a", encoding="ascii") as file:
            file.write(text)
        self._read()

    def clear(self) -> None:
        """Remove all recorded files, and folders left empty."""
        self.remove(*self.names)

    def remove(self, *below: str) -> None:
        """Remove recorded files, those of some names or below them, and folders left empty."""
        self._read()
        paths = set(below)
        gone = [name for name in self._names if _is_below(name, paths)]
        folders = set()
        for name in gone:
            file = self.path / name
            if self._is_inside(file) and (file.is_symlink() or not file.is_dir()):
                file.unlink(missing_ok=True)
                folders |= {self.path / parent for parent in Path(name).parents[:-1]}
        for folder in sorted(folders, key=lambda path: -len(path.parts)):
            _remove_if_empty(folder)
        if gone:
            removed = set(gone)
            left = [name for name in self._names if name not in removed]
            lines = [{"command": self._command}, *left]
            with atomic_write(self.path / RECORD) as partial:
                partial.write_text("".join("\n" + json.dumps(line) for line in lines))
            self._read()

    def refuse_inputs(self, *inputs: Path) -> None:
        """Refuse to write into an input folder, or over an input file.

        Args:
            inputs: files and folders that the command reads. Links are followed. One may hold the
                output folder: its files are not read, see `originals`.

        Raises:
            UsageError: the folder is one of them, or one of their files is in the record, so that
                this command may replace it.
        """
        own = identity(self.path)
        recorded = {identity(self.path / name, follow=False) for name in self._names} - {None}
        for given in inputs:
            if own and identity(given) == own:
                raise UsageError(f"{self.path} is the input: choose another output folder")
            for path in _walk(given, own):
                if identity(path) in recorded:
                    raise UsageError(
                        f"the input {path} is a result in {self.path}, which would be replaced: "
                        "choose another output folder"
                    )

    def _read(self) -> None:
        """Read what the record names and is not read yet. Half a line of a kill is skipped."""
        try:
            with (self.path / RECORD).open("rb") as file:
                status = os.fstat(file.fileno())
                if self._place[0] != status.st_ino or self._place[1] > status.st_size:
                    self._names, self._place = {}, (status.st_ino, 0)
                file.seek(self._place[1])
                text = file.read()
        except OSError:
            self._names, self._place = {}, (0, 0)
            return
        self._place = status.st_ino, self._place[1] + len(text)
        for line in text.decode("ascii", "replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, str):
                self._names[entry] = None
            elif self._command is None:
                self._command = entry["command"]
            elif entry["command"] not in (None, self._command):
                raise UsageError(
                    f"{self.path} holds what `{entry['command']}` wrote: choose another folder for "
                    f"`{self._command}`"
                )

    def _in_the_way(self, name: str) -> Path | None:
        """Return what is in the place of a file, or of a folder above it, and is not recorded."""
        file = self.path / name
        for parent in [self.path / parent for parent in Path(name).parents[:-1]]:
            if os.path.lexists(parent) and not parent.is_dir():
                return parent
        if not os.path.lexists(file):
            return None
        ours = name in self._names and self._is_inside(file)
        return None if ours and (file.is_symlink() or not file.is_dir()) else file

    def _is_inside(self, file: Path) -> bool:
        """Tell whether no folder on the way to a file is a link, or `..`, that leads elsewhere."""
        name = file.relative_to(self.path)
        return file.parent.resolve() == self.path.resolve() / name.parent


def check_writable(folder: Path, advice: str, title: str = "into") -> None:
    """Make a folder where it does not exist, and make a file in it.

    Raises:
        UsageError: the system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".srgan_keras."):
            pass
    except OSError as error:
        reason = "a file is in its place" if folder.is_file() else os.strerror(error.errno)
        raise UsageError(f"cannot write {title} {folder} ({reason}): {advice}") from None


def identity(path: Path, follow: bool = True) -> _Identity | None:
    """Return what all names of one file share, whatever their case, form or links."""
    try:
        status = path.stat(follow_symlinks=follow)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def originals(root: Path, names: list[str]) -> list[str]:
    """Skip the results that commands wrote into output folders below a folder.

    Args:
        root: the folder.
        names: all files below it.
    """
    folders = [os.path.dirname(name) for name in names if os.path.basename(name) == RECORD]
    results = {
        os.path.join(folder, name)
        for folder in folders
        for name in OutputFolder(root / folder).names
    }
    return [name for name in names if name not in results]


def remove_empty(folder: Path) -> None:
    """Remove a folder, or what is empty in it; links stay."""
    if folder.is_dir() and not folder.is_symlink():
        for inside in list(folder.iterdir()):
            remove_empty(inside)
        _remove_if_empty(folder)


def _unlink_from_others(file: Path) -> None:
    """Replace a link by a copy: other names of the same file keep their contents."""
    if file.is_symlink() and not file.exists():
        file.unlink()
    elif file.is_symlink() or (file.exists() and file.stat().st_nlink > 1):
        with atomic_write(file) as copy:
            shutil.copy2(file, copy)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # it holds what the package did not write
        return


def _is_below(name: str, paths: set[str]) -> bool:
    parts = name.split("/")
    return any("/".join(parts[: i + 1]) in paths for i in range(len(parts)))


def _walk(path: Path, left_out: _Identity | None) -> Iterator[Path]:
    """Yield a file, or all files below a folder except for one; follow links, each once."""
    if path.is_file():
        yield path
    seen = {left_out}
    for root, folders, files in os.walk(path, followlinks=True):
        known = identity(Path(root))
        if known in seen:
            folders.clear()
            continue
        seen.add(known)
        yield from (Path(root, name) for name in files)
