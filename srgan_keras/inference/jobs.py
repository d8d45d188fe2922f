"""The files that `upscale` reads, and those that it writes: nothing of somebody else's is lost."""

import glob
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from srgan_keras.data import decode
from srgan_keras.data.listing import of_macos, walk
from srgan_keras.errors import UsageError
from srgan_keras.inference.encode import SUFFIXES
from srgan_keras.inference.signature import is_signed
from srgan_keras.options import UpscaleOptions
from srgan_keras.output_folder import identity

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """A photograph, and the file that its SR is written to, named below the output folder."""

    source: Path
    name: str


def jobs_of(options: UpscaleOptions) -> list[Job]:
    """List the files; those of a folder keep their places below it.

    Raises:
        UsageError: an input does not exist, or two would be written to one file.
    """
    suffix = SUFFIXES[options.format]
    seen: dict[str, Path] = {}
    jobs = []
    for source, inside in _sources(options.inputs, options.out.resolve()):
        job = Job(source, inside.with_name(decode.stem(inside) + suffix).as_posix())
        for name in files_of(job, options):
            if seen.setdefault(name, source) != source:
                raise UsageError(
                    f"{seen[name]} and {source} would both be written to {options.out / name}: "
                    "upscale them into different folders"
                )
        jobs.append(job)
    return jobs


def to_do(jobs: list[Job], options: UpscaleOptions) -> list[Job]:
    """Return the jobs whose results are missing, or all of them to write them again."""
    if options.overwrite:
        return jobs
    there = [job for job in jobs if (options.out / job.name).exists()]
    foreign = [job for job in there if not is_signed(options.out / job.name)]
    for job in foreign:
        log.warning(
            "%s is skipped: %s exists, and `upscale` did not write it. Choose another out.",
            job.source,
            options.out / job.name,
        )
    if len(there) > len(foreign):
        log.info(
            "%d of %d files exist already and are skipped. To write them again, set overwrite.",
            len(there) - len(foreign),
            len(jobs),
        )
    return [job for job in jobs if job not in set(there)]


def refuse_inputs(jobs: list[Job], options: UpscaleOptions) -> None:
    """Refuse to write over an input, whatever links, case or form its name has.

    Raises:
        UsageError: a result would be written over an input.
    """
    inputs = {identity(job.source): job.source for job in jobs}
    for job in jobs:
        for name in files_of(job, options):
            target = options.out / name
            if target.exists() and (source := inputs.get(identity(target))):
                raise UsageError(
                    f"the result of {job.source} would be written over the input {source}: choose "
                    "another out"
                )


def refuse_foreign(targets: Iterable[Path]) -> None:
    """Refuse to replace a file that is not a result of `upscale`.

    Raises:
        UsageError: such a file is in the place of a result.
    """
    for target in targets:
        if os.path.lexists(target) and not target.is_dir() and not is_signed(target):
            raise UsageError(f"{target} exists, and `upscale` did not write it: choose another out")


def _sources(inputs: Sequence[str], out: Path) -> Iterator[tuple[Path, Path]]:
    """Find the photographs: each path, and its place in the output folder."""
    for given in inputs:
        paths = (
            [Path(given)] if os.path.exists(given) else [Path(p) for p in sorted(glob.glob(given))]
        )
        if not paths:
            raise UsageError(f"no file, folder or match of {given!r}: give an existing path")
        for path in paths:
            if not path.is_dir():
                yield path, Path(path.name)
                continue
            if path.resolve() == out:
                raise UsageError(
                    f"{path} is the folder of the photographs: out must be another one"
                )
            names, left_out = walk(path)
            for name, reason in left_out:
                log.warning("%s is skipped: %s", path / name, reason)
            own = [name for name in names if not of_macos(name)]
            if len(own) < len(names):
                macos = len(names) - len(own)
                log.info("%s: %d files that macOS left there are skipped", path, macos)
            files = [
                file
                for file in (path / name for name in own)
                if not (out in file.resolve().parents and is_signed(file))
            ]
            photographs = [file for file in files if decode.is_photograph(file)]
            if not photographs:
                raise UsageError(f"{path} holds no file of the kinds {', '.join(decode.SUFFIXES)}")
            if len(photographs) < len(files):
                others = len(files) - len(photographs)
                log.info("%s: %d files of other kinds are skipped", path, others)
            yield from ((file, file.relative_to(path)) for file in photographs)


def shard_of(jobs: list[Job], shard: str) -> list[Job]:
    """Return the part I/N of the jobs.

    Raises:
        UsageError: `shard` is something else.
    """
    index, _, count = shard.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise UsageError(f"shard {shard!r} is not I/N: set 1/4 to 4/4, for example")
    return jobs[int(index) - 1 :: int(count)]


def file_of(job: Job, ending: str) -> str:
    """Name a file of a job, by what comes before its suffix."""
    name = PurePosixPath(job.name)
    return str(name.with_name(f"{name.stem}{ending}{name.suffix}"))


def files_of(job: Job, options: UpscaleOptions) -> list[str]:
    """Name the files that a job writes."""
    endings = [""] + [".compare"] * options.compare + [".uncertainty"] * options.uncertainty
    return [file_of(job, ending) for ending in endings]
