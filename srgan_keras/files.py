"""Files that are written whole or not at all."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path to write to; the file there replaces `path` when the block succeeds.

    A reader never sees half a file, and a failure leaves the old one. Several
    processes that write one file have a partial file each, and the last one stays. The yielded path
    has the suffix of `path`, by which OpenCV and others choose a format.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def sha256(file: Path) -> str:
    """Return the hash of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def is_file_name(text: str) -> bool:
    """Tell whether a text, as from a table of somebody else's, names a file in a folder itself."""
    return text not in ("", ".", "..") and "\0" not in text and Path(text).name == text


def write_json(path: Path, content: Any, indent: int = 2) -> None:  # noqa: ANN401
    """Write JSON atomically.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    with atomic_write(path) as partial:
        text = json.dumps(content, indent=indent, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
