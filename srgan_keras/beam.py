"""Apache Beam: the work of a command on each of its items, wherever Beam's options say.

The default is the direct runner with several processes on this machine. `--runner=FlinkRunner` and
others run the pipeline unchanged. Every worker must see the files of the command under the same
paths.
"""

import contextlib
import io
import json
import logging
import os
import pickle
import shlex
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from srgan_keras import console, process
from srgan_keras.errors import UsageError

with console.log_hidden():  # of optional packages that are missing
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import (
            DirectOptions,
            PipelineOptions,
            StandardOptions,
        )
        from apache_beam.utils.shared import Shared
    except ImportError:
        raise UsageError(
            "--runner beam needs Apache Beam: pip install 'srgan_keras[beam]'"
        ) from None

log = logging.getLogger(__name__)

Work = Callable[[Any], Any]
"""Does the work on an item, and returns what JSON can hold. A runner may repeat it."""

FOLDER = ".beam-"
"""Start of the name of a folder for results, and of its lock's."""

_PROCESS = uuid.uuid4().hex  # a worker in a process of its own has another one


class Done(NamedTuple):
    """An item whose work is done.

    Attributes:
        index: of the item.
        value: the result.
        lines: what the package logged meanwhile in another process, levels and texts.
    """

    index: int
    value: Any
    lines: list[tuple[int, str]]

    def log(self) -> None:
        """Log the lines here."""
        for level, text in self.lines:
            log.log(level, "%s", text)


def run_beam(
    items: Sequence[Any],
    make: Callable[[], Work],
    folder: Path,
    options: str,
    workers: int,
) -> Iterator[Done]:
    """Do the work on each item; all results come when the pipeline has ended.

    Args:
        items: can be pickled.
        make: called once by each worker, which can import its module; returns the work.
        folder: for the results, until they are read. The remains of killed runs there are removed.
        options: Beam's options, as on a command line; they replace those of the direct runner.
        workers: processes of the direct runner.

    Yields:
        The results, in any order.

    Raises:
        UsageError: Beam does not accept the options, or cannot start.
    """
    settings = _settings(options, workers)
    with _results(folder) as results:
        _run(items, make, results, settings)
        for part in sorted(results.iterdir()):
            with part.open(encoding="ascii") as lines:
                yield from (Done(*json.loads(line)) for line in lines)


def tensorflow_workers() -> int:
    """Return how many processes suit work in TensorFlow, whose threads share the cores."""
    return max(2, (os.cpu_count() or 1) // 4)


def _settings(options: str, workers: int) -> PipelineOptions:
    defaults = [
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={workers}",
        "--default_sdk_harness_log_level=WARNING",
    ]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            settings = PipelineOptions([*defaults, *shlex.split(options)])
            settings.get_all_options()
    except ValueError as error:  # of shlex
        raise UsageError(f"beam_options {options!r}: {error}") from None
    except SystemExit:  # of argparse
        reason = printed.getvalue().strip().rpartition("error: ")[2]
        raise UsageError(f"beam_options {options!r}: {reason}") from None
    return settings


def _run(
    items: Sequence[Any], make: Callable[[], Work], results: Path, settings: PipelineOptions
) -> None:
    # pickled here: Beam's own coder of text refuses names of files that are not UTF-8
    pairs = [(index, pickle.dumps(item)) for index, item in enumerate(items)]
    try:
        with _quiet(settings), beam.Pipeline(options=settings) as pipeline:
            _ = (
                pipeline
                | "items" >> beam.Create(pairs)
                | "spread" >> beam.Reshuffle()
                | "work" >> beam.ParDo(_Each(make, _lock(results.resolve())))
                | "results" >> beam.io.WriteToText(str(results.resolve() / "part"))
            )
    except Exception as error:
        reason = str(error).strip()
        if "[while running " in reason:  # a fault of the work: its traceback matters
            raise
        first = reason.splitlines()[0].rstrip(".") if reason else type(error).__name__
        raise UsageError(f"Apache Beam cannot run ({first}): correct beam_options") from None


@contextlib.contextmanager
def _quiet(settings: PipelineOptions) -> Iterator[None]:
    """Hide Beam's own lines. Its exceptions have what went wrong."""
    logger = logging.getLogger("apache_beam")
    before = logger.level
    logger.setLevel(logging.ERROR)
    runner = settings.view_as(StandardOptions).runner
    alone = settings.view_as(DirectOptions).direct_running_mode == "multi_processing"
    with contextlib.ExitStack() as stack:
        if alone and runner in (None, "DirectRunner"):  # its workers write to stderr
            stack.enter_context(console.native_stderr_hidden())
        try:
            yield
        finally:
            logger.setLevel(before)


@contextlib.contextmanager
def _results(folder: Path) -> Iterator[Path]:
    """Make a folder for results, and remove it; its lock tells it from those of killed runs."""
    folder.mkdir(parents=True, exist_ok=True)
    for lock in folder.glob(f"{FOLDER}*.lock"):
        with contextlib.suppress(Timeout, OSError, NotImplementedError), FileLock(lock, 0):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    path = folder / f"{FOLDER}{uuid.uuid4().hex}"
    lock = FileLock(_lock(path), 0)
    with contextlib.suppress(OSError, NotImplementedError):  # a network share may have no locks
        lock.acquire()
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _lock(results: Path) -> str:
    """Name the lock that the command holds while it waits for results."""
    return f"{results}.lock"


class _Each(beam.DoFn):
    """Does the work on each item, as long as the command waits for it."""

    def __init__(self, make: Callable[[], Work], lock: str) -> None:
        self._lock = lock
        self._make = pickle.dumps(make)  # so that `setup` imports its module
        self._process, self._folder, self._shared = _PROCESS, os.getcwd(), Shared()

    def setup(self) -> None:
        """Prepare the process, and make the work where no other thread has."""
        if self._process != _PROCESS:
            _prepare(self._folder)
        self._work = self._shared.acquire(self._made)

    def _made(self) -> "_Holder":
        with process.tensorflow_environment(), console.native_stderr_hidden():  # at import
            make = pickle.loads(self._make)
        return _Holder(make())

    def process(self, pair: tuple[int, bytes]) -> Iterator[str]:
        """Yield the result, as JSON."""
        self._check_awaited()
        index, item = pair
        with _lines.kept() as lines:
            value = self._work.work(pickle.loads(item))
        yield json.dumps([index, value, lines])

    def _check_awaited(self) -> None:
        """Stop where the command was killed: the next one must not meet a worker of this one."""
        with contextlib.suppress(Timeout, OSError, NotImplementedError), FileLock(self._lock, 0):
            Path(self._lock).unlink(missing_ok=True)
            raise RuntimeError("the command that waits for the results has ended")


class _Holder:
    """Holds the work: `Shared` takes no functions that cannot be referred to weakly."""

    def __init__(self, work: Work) -> None:
        self.work = work


class _Lines(logging.Handler):
    """Keeps what each thread logs while it works; drops the rest, which the command says, too."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if (lines := getattr(self._local, "lines", None)) is not None:
            lines.append((record.levelno, record.getMessage()))

    @contextlib.contextmanager
    def kept(self) -> Iterator[list[tuple[int, str]]]:
        """Collect the lines of this thread."""
        self._local.lines = lines = []
        try:
            yield lines
        finally:
            self._local.lines = None


_lines = _Lines()


def _prepare(folder: str) -> None:
    """Prepare a process that is a worker and nothing else: its log and folder."""
    with contextlib.suppress(OSError):  # a machine without it has absolute paths to read
        os.chdir(folder)
    console.set_levels()
    ours = logging.getLogger("srgan_keras")
    if _lines not in ours.handlers:
        ours.addHandler(_lines)
        ours.propagate = False
