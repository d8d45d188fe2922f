"""The command `app`: a page on this machine to try models on photographs."""

import os
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import FrameType

from srgan_keras.console import say
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.export.model_folder import pretrained
from srgan_keras.inference.model import Model, load
from srgan_keras.options import AppOptions

HOST = "127.0.0.1"

TO_STUDY = {"paper-x4"}
"""Pretrained models that show what the paper does, not how to upscale: offered when named."""

_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}
"""Gradio and the hub's client read these when they are imported."""


class _Terminated(CommandError):
    status = 143


def run_app(options: AppOptions) -> None:
    """Serve the page until a signal ends it.

    Raises:
        UsageError: Gradio is not installed, a model cannot be loaded, or the port is taken.
    """
    if find_spec("gradio") is None:
        raise UsageError("the page needs Gradio: run `pip install 'srgan_keras[app]'`")
    models = offered(options.models)
    with _listening(options.port) as listening, _private(), _terminable():
        import uvicorn

        from srgan_keras.app.entries import Entries
        from srgan_keras.app.page import Page
        from srgan_keras.app.server import Server, build_app

        entries = Entries(most=options.queue + 1)
        page = Page(options, models, entries)
        config = uvicorn.Config(
            build_app(page, entries, HOST), log_level="warning", timeout_graceful_shutdown=1
        )
        say(f"http://{HOST}:{options.port} is open until Ctrl+C")
        try:
            Server(config).run([listening])
        finally:
            entries.clear()


def offered(given: Sequence[str]) -> list[tuple[str, Model]]:
    """Return the models to choose from, each with the name or path that loads it.

    Args:
        given: names or paths, which come first; the other pretrained models follow, except those
            of `TO_STUDY`.

    Raises:
        UsageError: one cannot be loaded, or there is none.
    """
    names = dict.fromkeys([*given, *sorted(pretrained().keys() - TO_STUDY)])
    if not names:
        raise UsageError("no pretrained model is installed: name a model folder")
    return [(name, load(name)) for name in names]


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Listen on a port of this machine alone."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise UsageError(
                f"cannot listen on port {port}: {error.strerror}. Choose another --port."
            ) from None
        yield listening


@contextmanager
def _private() -> Iterator[None]:
    """Keep Gradio from the network, and its uploads in a folder that goes with the page."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="srgan_keras-app-", ignore_cleanup_errors=True) as own:
        os.environ.update(_ENVIRONMENT, GRADIO_TEMP_DIR=own)
        try:
            yield
        finally:
            for name in (*_ENVIRONMENT, "GRADIO_TEMP_DIR"):
                os.environ.pop(name)
                if name in before:
                    os.environ[name] = before[name]


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl+C does: its folder is deleted first."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated("ended by SIGTERM")

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
