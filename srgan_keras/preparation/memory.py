"""Memory that one photograph leaves is taken by the next."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_DEFAULT, _MOST = 32 * 2**20, 2**30


@contextmanager
def kept() -> Iterator[None]:
    """Within this, what is freed stays with the process; afterwards it goes back to the system.

    glibc gives a frame of some ten MB back at once and takes it anew, page by page, for the next
    one, which takes as long as decoding a JPEG does. So do the threads' own arenas, of 64 MB a
    piece: threads that are started within this use the process's, now and later. Other C libraries
    are left as they are.
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
