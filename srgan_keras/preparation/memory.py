"""The memory of one photograph is reused for the next."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_DEFAULT, _MOST = 32 * 2**20, 2**30


@contextmanager
def kept() -> Iterator[None]:
    """Keep freed memory in the process within this context; return it to the system at the end.

    glibc returns a frame of about ten MB at once and requests it again, page by page, for the next
    one. That takes as long as decoding a JPEG. Threads' own arenas, of 64 MB each, do the same:
    threads that start within this context use the arena of the process, now and later. Other C
    libraries stay as they are.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_M_ARENA_MAX, 1)
    for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
        libc.mallopt(option, _MOST)
    try:
        yield
    finally:
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            libc.mallopt(option, _DEFAULT)
        libc.malloc_trim(0)
