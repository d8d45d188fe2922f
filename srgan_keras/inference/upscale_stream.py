"""`upscale` from standard input, and to standard output: one file each."""

import contextlib
import errno
import os
import sys
from io import BytesIO
from pathlib import Path

from srgan_keras.data.image_file import ImageFile, Reason
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.inference.encode import encode
from srgan_keras.inference.image_files import from_bytes, read
from srgan_keras.inference.upscale_files import STREAM, prepared, process
from srgan_keras.options import UpscaleOptions


def upscale_stream(options: UpscaleOptions) -> None:
    """Upscale one file, from or to a stream; nothing else is written to standard output.

    Raises:
        UsageError: wrong use.
        CommandError: the file is refused, or the result cannot be written.
    """
    _check(options)
    (given,) = options.inputs
    source = "standard input" if given == STREAM else given
    upscaler, about = prepared(options)
    buffer = BytesIO()
    try:
        image = _image(given)
        made = process(upscaler, source, image, options, lambda share: None)
        encode(buffer, made[""], options.format, about, options.keep_identity)
    except (Reason, OSError) as error:
        raise CommandError(f"cannot upscale {source}: {error}") from None
    try:
        sys.stdout.buffer.write(buffer.getbuffer())
        sys.stdout.buffer.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise CommandError(f"cannot write to standard output: {error.strerror}") from None
        _drop_stdout()


def _check(options: UpscaleOptions) -> None:
    if str(options.out) != STREAM or len(options.inputs) != 1:
        raise UsageError("standard input and output take one file: give one input, and --out -")
    (given,) = options.inputs
    if given != STREAM and not os.path.isfile(given):
        raise UsageError(f"no file {given!r}: give one, or - for standard input")
    if options.runner != "local":
        raise UsageError("standard input and output are of this machine: set runner local")
    if options.compare or options.uncertainty or options.when != "always":
        raise UsageError("standard output takes one file: remove compare, uncertainty, and when")
    if not hasattr(sys.stdout, "buffer") or sys.stdout.isatty():
        raise UsageError("standard output is no file or pipe: redirect it, as in > sr.png")


def _image(given: str) -> ImageFile:
    if given != STREAM:
        return read(Path(given))
    data = sys.stdin.buffer.read() if hasattr(sys.stdin, "buffer") else b""
    if not data:
        raise Reason("it is empty")
    return from_bytes(data)


def _drop_stdout() -> None:
    """Let nothing be flushed to a pipe whose reader is gone."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
