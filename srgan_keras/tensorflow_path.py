"""Folders that TensorFlow reads: it takes `*`, `?`, `[` and, off Windows, a backslash for a glob.

TensorFlow writes below a folder such as `study [2024]`, but does not find there what it wrote.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GLOB = set("*?[" if os.sep == "\\" else "*?[\\")


@contextmanager
def readable(folder: Path) -> Iterator[Path]:
    """Yield a path by which TensorFlow finds what a folder holds, for the time of the block."""
    if not GLOB & set(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="srgan_keras-") as place:
        link = Path(place, "folder")
        try:
            link.symlink_to(folder.resolve(), target_is_directory=True)
        except OSError:  # Windows asks for a privilege
            shutil.copytree(folder, link)
        yield link
