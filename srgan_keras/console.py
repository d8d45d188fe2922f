"""A command's streams and log: absent, closed, of any encoding; then as they were before."""

import contextlib
import errno
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TextIO

from srgan_keras.errors import CommandError

_LEVELS = {
    "srgan_keras": logging.INFO,
    **dict.fromkeys(("tifffile", "pydicom"), logging.CRITICAL),  # ours name damaged files
}
_NO_READER = (errno.EPIPE, errno.EBADF, errno.EINVAL)  # EINVAL: a closed pipe on Windows


@contextlib.contextmanager
def session() -> Iterator[None]:
    """Prepare stdout, stderr and the log for one command, and restore all three.

    Where the process has no stream (`pythonw`, a server), the text goes nowhere. A stream writes
    the characters that its encoding lacks as escapes. The log goes to stderr, unless the program
    that calls the command has handlers of its own.
    """
    with contextlib.ExitStack() as stack:
        redirects = (
            (contextlib.redirect_stdout, sys.stdout),
            (contextlib.redirect_stderr, sys.stderr),
        )
        for redirect, stream in redirects:
            if stream is None or getattr(stream, "closed", False):
                nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(redirect(nowhere))
            elif hasattr(stream, "reconfigure"):
                stack.enter_context(_escaping(stream))
        stack.enter_context(_logging())
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"pydicom\.")  # as its log
        yield


@contextlib.contextmanager
def _escaping(stream: TextIO) -> Iterator[None]:
    before = stream.errors
    with contextlib.suppress(OSError):  # it flushes
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # ValueError: the command closed it
            stream.reconfigure(errors=before)


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    before = {name: logging.getLogger(name).level for name in _LEVELS}
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    if not root.handlers:
        root.addHandler(handler)
    set_levels()
    try:
        yield
    finally:
        root.removeHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def set_levels() -> None:
    """Set the levels of the loggers, for the rest of this process or session."""
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)


def say(text: str) -> None:
    """Print the outcome of a command, after its files are complete.

    A reader that is gone (`| head`) has read what it wanted.

    Raises:
        CommandError: stdout cannot be written, for example because its disk is full.
    """
    try:
        print(text, flush=True)  # noqa: T201
    except OSError as error:
        if error.errno not in _NO_READER:
            raise CommandError(
                f"the results are complete, but cannot be printed: {error.strerror}"
            ) from None


def complain(line: str) -> None:
    """Print the line with which a command ends, to stderr."""
    with contextlib.suppress(OSError):
        print(f"srgan-keras: {line}", file=sys.stderr, flush=True)  # noqa: T201


@contextlib.contextmanager
def native_stderr_hidden() -> Iterator[None]:
    """Hide what native libraries write to descriptor 2."""
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:  # the process has none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


@contextlib.contextmanager
def log_hidden() -> Iterator[None]:
    """Drop all lines of the log except errors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def open_descriptors() -> None:
    """Open the standard descriptors that a process was started without.

    Otherwise the next file that is opened gets the number, and what native libraries write to
    stderr ends in it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the smallest free number


def flush() -> None:
    """Flush stdout and stderr at the end of the process; what has no reader is dropped."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # otherwise Python tries again, and ends with status 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
