"""`upscale --runner beam`: the same files and messages as those of a local run.

A result that exists is not made again, so a run that was killed resumes, and so does a worker.
"""

import errno
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from srgan_keras.beam import run_beam, tensorflow_workers
from srgan_keras.inference import upscale_files
from srgan_keras.inference.jobs import Job
from srgan_keras.inference.model import TAKE_PRECISION
from srgan_keras.machine import resolve_precision
from srgan_keras.options import UpscaleOptions

FULL = errno.ENOSPC, errno.EDQUOT


def run_on_workers(jobs: Sequence[Job], options: UpscaleOptions) -> tuple[int, Counter]:
    """Upscale photographs on the workers of Apache Beam.

    Args:
        jobs: the photographs, of which none has a result, unless `overwrite` is set.
        options: checked already.

    Returns:
        How many failed, and how many were skipped by recommendation.

    Raises:
        UsageError: see `run_beam`.
        OSError: a disk is full.
    """
    if options.precision == "auto" and options.engine in TAKE_PRECISION:  # the same on all workers
        half = resolve_precision("auto") == "mixed_bfloat16"
        options = replace(options, precision="bfloat16" if half else "float32")
    items = [(str(job.source), job.name) for job in jobs]
    failed, skipped = 0, Counter()
    make, workers = partial(_make, replace(options, inputs=())), tensorflow_workers()
    for done in sorted(run_beam(items, make, options.out, options.beam_options, workers)):
        done.log()
        count, advice, full = done.value
        if full:
            raise OSError(*full)
        failed += count
        skipped += Counter(advice)
    return failed, skipped


def _make(options: UpscaleOptions) -> Callable[[tuple[str, str]], Any]:
    """Return the work on a photograph: its numbers of failures and skips, and a full disk."""
    upscaler, about = upscale_files.prepared(options)

    def work(item: tuple[str, str]) -> Any:  # noqa: ANN401
        job = Job(Path(item[0]), item[1])
        if not options.overwrite and (options.out / job.name).exists():
            return 0, {}, None  # a runner repeats what it may have lost
        try:
            failed, skipped = upscale_files.run_jobs(upscaler, [job], options, about, show=False)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return 1, {}, [error.errno, error.strerror, str(options.out / job.name)]
        return failed, dict(skipped), None

    return work
