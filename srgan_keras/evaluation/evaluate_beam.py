"""`evaluate --runner beam`: workers measure photographs; a killed evaluation resumes.

A worker writes what it measured into `FOLDER`, a file for each photograph, after its pictures.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from srgan_keras.data.photograph import Photograph
from srgan_keras.evaluation.observer import tell
from srgan_keras.evaluation.photographs import Bench, Measured
from srgan_keras.evaluation.protocol import Author, Method, Standard
from srgan_keras.files import atomic_write, write_json
from srgan_keras.options import EvaluateOptions
from srgan_keras.output_folder import OutputFolder
from srgan_keras.version import __version__

FOLDER = ".srgan_keras.measured"
"""Folder in `out` of what is measured, until the evaluation ends."""

_FACTS = "facts.json"


def clear(out: Path) -> None:
    """Remove the results of an earlier evaluation, finished or not."""
    OutputFolder(out).remove("trust", "gallery")
    forget(out)


def forget(out: Path) -> None:
    """Remove what a killed evaluation would resume from."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def facts(
    options: EvaluateOptions, models: Sequence[Method], protocol: Standard | Author
) -> dict[str, Any]:
    """Return everything that the results depend on, except for the photographs."""
    return {
        "version": __version__,
        "protocol": protocol.record(),
        "models": [_digest(model) for model in models],
        "options": [options.self_ensemble, options.guard, options.trust],
        "vgg_weights": [options.vgg_weights, _status(Path(options.vgg_weights))],
    }


def measure(
    bench: Bench,
    make: Callable[[], Bench],
    photographs: Sequence[Photograph],
    options: EvaluateOptions,
    depends: dict[str, Any],
) -> Iterator[Measured]:
    """Measure photographs on the workers of Apache Beam.

    Args:
        bench: its observers learn what those of the workers do.
        make: returns a bench of the same models and observers, on a worker.
        photographs: can be pickled.
        options: of the command.
        depends: `facts`. With others than before, everything is measured again.

    Returns:
        The results in the order of the photographs.

    Raises:
        UsageError: see `run_beam`.
    """
    from srgan_keras.beam import run_beam, tensorflow_workers  # an extra

    output, folder = OutputFolder(options.out), options.out / FOLDER
    depends = json.loads(json.dumps(depends))
    if not (folder / _FACTS).is_file() or json.loads((folder / _FACTS).read_text()) != depends:
        clear(options.out)
        folder.mkdir(parents=True)
        write_json(folder / _FACTS, depends)
    files = [folder / f"{_key(photograph)}.json" for photograph in photographs]
    pairs = zip(photographs, map(str, files), strict=True)
    todo = [(photograph, file) for photograph, file in pairs if not os.path.exists(file)]
    # here, since lines that machines append to one record at once could mix
    names = (each.files(photograph.id) for photograph, _ in todo for each in bench.observers)
    output.claim(*chain.from_iterable(names))
    if todo:
        work, workers = partial(_work, make), tensorflow_workers()
        for each in sorted(run_beam(todo, work, folder, options.beam_options, workers)):
            each.log()
    tell(bench.observers, "done", "Apache Beam")
    return (bench.received(json.loads(file.read_text())) for file in files)


def _work(make: Callable[[], Bench]) -> Callable[[tuple[Photograph, str]], None]:
    bench = make()

    def work(item: tuple[Photograph, str]) -> None:
        photograph, file = item
        if not os.path.exists(file):  # a runner repeats what it may have lost
            with atomic_write(Path(file)) as partial_file:  # with NaN, which JSON has not
                partial_file.write_text(json.dumps(bench.sent(photograph)), encoding="utf-8")

    return work


def _key(photograph: Photograph) -> str:
    """Name a photograph by everything that its results depend on."""
    paths = photograph.path, photograph.lr_path, photograph.mask_path
    known = photograph.id, photograph.grade, photograph.split, *photograph.hashes
    text = json.dumps([*known, *(path and _status(path) for path in paths)])
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(model: Method) -> list[Any]:
    """Tell a model from others: by its files, which another one may replace."""
    path = getattr(model, "path", None)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path else []
    return [model.name, [[str(file), _status(file)] for file in [path, *files] if file]]


def _status(path: Path) -> list[int]:
    """Return size and time of change of a file, nothing of what does not exist."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]
