"""A lock on a file, which the operating system releases however its process ends."""

import sys
from typing import TextIO

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # Windows forbids others to read a locked byte: lock one behind the text

    def take(file: TextIO) -> bool:
        """Lock an open file for this process; False where another process holds it."""
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(0)
        return True
else:
    import fcntl

    def take(file: TextIO) -> bool:
        """Lock an open file for this process; False where another process holds it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
