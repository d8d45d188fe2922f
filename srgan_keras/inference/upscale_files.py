"""The command `upscale`: photographs in, larger ones out. Reads, computes and writes at once."""

import errno
import glob
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from srgan_keras.assessment.measures import measure
from srgan_keras.assessment.recommend import recommend
from srgan_keras.data.decode import SUFFIXES
from srgan_keras.data.image_file import ImageFile, Reason
from srgan_keras.data.listing import of_macos, walk
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.inference.image_files import read, write
from srgan_keras.inference.model import load
from srgan_keras.inference.signature import is_signed
from srgan_keras.inference.upscaler import (
    FALLBACK,
    UNCERTAINTY,
    Upscaler,
    back_projected,
    bicubic,
    blended,
    ensembled,
    field_of_view,
    guarded,
    upscale,
)
from srgan_keras.options import UpscaleOptions
from srgan_keras.output_folder import check_writable, identity

MOST_PIXELS = 2**30
"""The pixels of the largest image that OpenCV reads."""

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """A photograph, and the file that its SR is written to, named below the output folder."""

    source: Path
    name: str


def upscale_files(options: UpscaleOptions) -> None:
    """Upscale photographs, files or whole folders; log each file that fails, and do the rest.

    Raises:
        UsageError: wrong use or input.
        CommandError: done, but some files failed.
    """
    everything = _jobs(options)
    _refuse_inputs(everything, options)
    jobs = _shard(everything, options.shard)
    todo = _to_do(jobs, options)
    _refuse_foreign(options.out / name for job in todo for name in _files(job, options))
    check_writable(options.out, "choose another folder")
    upscaler = _upscaler(options)
    failed = run(upscaler, todo, options)
    if failed:
        raise CommandError(f"{failed} of {len(todo)} files failed; the others are in {options.out}")


def run(upscaler: Upscaler, jobs: Sequence[Job], options: UpscaleOptions) -> int:
    """Read, compute and write at once, one file each; return how many failed."""
    failed, skipped = 0, Counter()
    layout = "{percentage:3.0f}% |{bar}| {n:.1f} of {total} [{elapsed}, {remaining} left]"
    with (
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(1) as writer,
        tqdm(total=len(jobs), bar_format=layout, disable=None) as bar,
    ):
        ahead = reader.submit(read, jobs[0].source) if jobs else None
        pending = None  # one at a time waits to be written: memory stays bounded
        for i, job in enumerate(jobs):
            current = ahead
            ahead = reader.submit(read, jobs[i + 1].source) if i + 1 < len(jobs) else None
            try:
                image = current.result()
                if options.when == "recommended" and (advice := _not_needed(image)):
                    skipped[advice] += 1
                    bar.update(1)
                    continue
                made = _process(upscaler, job.source, image, options, bar.update)
            except (Reason, UsageError, OSError) as error:
                failed += 1
                log.error("cannot upscale %s: %s", job.source, error)
                bar.update(i + 1 - bar.n)
                continue
            failed += _not_written(pending)
            pending = options.out / job.name, writer.submit(_write, options.out, job, made)
            del image, made, current
        failed += _not_written(pending)
    if skipped:
        by_advice = ", ".join(f"{name} {count}" for name, count in sorted(skipped.items()))
        log.info("%d of %d files are skipped: %s", skipped.total(), len(jobs), by_advice)
    return failed


def _not_needed(image: ImageFile) -> str:
    """Return the recommendation if it is to leave or to retake, otherwise nothing."""
    colour = image.colour
    if colour.dtype != np.uint8:
        colour = ((colour.astype(np.uint32) + 128) // 257).astype(np.uint8)
    action = recommend(measure(colour)).action
    return action if action in ("leave", "retake") else ""


def _not_written(pending: tuple[Path, Future] | None) -> int:
    """Wait until a file is written; return 1 where it failed. A full disk ends the command."""
    if pending is None:
        return 0
    target, written = pending
    try:
        written.result()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        log.error("%s cannot be written: %s", target, error.strerror)
        return 1
    except UsageError as error:  # somebody has put a file in its place since
        log.error("%s", error)
        return 1
    return 0


def _process(
    upscaler: Upscaler,
    source: Path,
    image: ImageFile,
    options: UpscaleOptions,
    progress: Callable[[float], object],
) -> dict[str, ImageFile]:
    """Return the files to write, by the end of their names."""
    colour, scale = image.colour, upscaler.scale
    if scale**2 * colour[..., 0].size > MOST_PIXELS:
        raise Reason(f"SR would be larger than {MOST_PIXELS} px: cut the photograph into parts")
    for note in image.notes:
        log.warning("%s %s", source, note)
    wanted = field_of_view(colour, upscaler.radius) if options.skip_outside else None
    if wanted is not None and not wanted.all():
        share = 100 * (1 - np.count_nonzero(wanted) / wanted.size)
        log.info("%s: %.1f %% lies outside the field of view, upscaled bicubically", source, share)
    tile = options.tile
    if options.memory is not None:
        tile = upscaler.tile(int(options.memory * 1e9) // options.batch)
    sr, maps = upscale(upscaler, colour, tile, options.batch, wanted, progress=progress)
    if options.guard:
        _say_share(source, colour, maps[FALLBACK], scale)
    if image.grey:  # the network's three channels differ a little
        sr[...] = np.rint(sr.mean(axis=2, dtype=np.float32))[..., np.newaxis]
    alpha = image.alpha
    if alpha is not None:
        alpha = bicubic(np.repeat(alpha[..., np.newaxis], 3, axis=2), scale)[..., 0]
    made = {"": replace(image, colour=sr, alpha=alpha)}
    if options.compare:
        strip = np.hstack([bicubic(colour, scale), sr])
        made[".compare"] = replace(image, colour=strip, alpha=None)
    if options.uncertainty:
        levels = np.rint(np.minimum(maps[UNCERTAINTY] * (255 * 256), 65535)).astype(np.uint16)
        made[".uncertainty"] = ImageFile(np.repeat(levels[..., np.newaxis], 3, axis=2), grey=True)
    return made


def _say_share(source: Path, colour: np.ndarray, fallback: np.ndarray, scale: int) -> None:
    """Log how much of the retina the guard left as it was."""
    retina = field_of_view(colour, 0)
    if retina is not None:
        fallback = fallback[retina.repeat(scale, 0).repeat(scale, 1)]
    where = "the photograph" if retina is None else "the retina"
    kept = "left as in the input" if scale == 1 else "interpolated bicubically"
    log.info("%s: guard: %.0f %% of %s %s", source, 100 * fallback.mean(), where, kept)


def _write(out: Path, job: Job, made: dict[str, ImageFile]) -> None:
    for ending, image in reversed(
        made.items()
    ):  # SR comes last: while it is missing, a job is open
        target = out / _named(job, ending)
        _refuse_foreign([target])
        write(target, image)


def _named(job: Job, ending: str) -> str:
    name = PurePosixPath(job.name)
    return str(name.with_name(f"{name.stem}{ending}{name.suffix}"))


def _files(job: Job, options: UpscaleOptions) -> list[str]:
    """Name the files that a job writes."""
    endings = [""] + [".compare"] * options.compare + [".uncertainty"] * options.uncertainty
    return [_named(job, ending) for ending in endings]


def _upscaler(options: UpscaleOptions) -> Upscaler:
    """Combine the model with the options that change its output.

    Raises:
        UsageError: wrong use, or a model cannot be loaded.
    """
    tile = 1 if options.tile is None else options.tile
    if options.batch < 1 or tile < 1 or options.back_project < 0:
        raise UsageError("batch and tile must be 1 or more, back_project 0 or more")
    if options.tile is not None and options.memory is not None:
        raise UsageError("set tile or memory, not both")
    if not 0 <= (options.blend or 0) <= 1:
        raise UsageError("blend must be 0 (MODEL alone) to 1 (the adversarial model alone)")
    model = load(options.model)
    upscaler = model.upscaler(options.precision, options.engine)
    if options.blend is not None:
        other = load(options.adversarial or _adversarial(model.path))
        upscaler = blended(
            upscaler, other.upscaler(options.precision, options.engine), options.blend
        )
    if options.back_project:
        upscaler = back_projected(upscaler, model.degradation, options.back_project)
    if options.guard:
        return guarded(upscaler)
    if options.self_ensemble or options.uncertainty:
        return ensembled(upscaler, options.uncertainty)
    return upscaler


def _jobs(options: UpscaleOptions) -> list[Job]:
    """List the files; those of a folder keep their places below it.

    Raises:
        UsageError: an input does not exist, or two would be written to one file.
    """
    suffix = ".png" if options.format == "png" else ".tiff"
    seen: dict[str, Path] = {}
    jobs = []
    for source, inside in _sources(options.inputs, options.out.resolve()):
        job = Job(source, inside.with_suffix(suffix).as_posix())
        for name in _files(job, options):
            if seen.setdefault(name, source) != source:
                raise UsageError(
                    f"{seen[name]} and {source} would both be written to {options.out / name}: "
                    "upscale them into different folders"
                )
        jobs.append(job)
    return jobs


def _to_do(jobs: list[Job], options: UpscaleOptions) -> list[Job]:
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


def _refuse_inputs(jobs: list[Job], options: UpscaleOptions) -> None:
    """Refuse to write over an input, whatever links, case or form its name has.

    Raises:
        UsageError: a result would be written over an input.
    """
    inputs = {identity(job.source): job.source for job in jobs}
    for job in jobs:
        for name in _files(job, options):
            target = options.out / name
            if target.exists() and (source := inputs.get(identity(target))):
                raise UsageError(
                    f"the result of {job.source} would be written over the input {source}: choose "
                    "another out"
                )


def _refuse_foreign(targets: Iterable[Path]) -> None:
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
            photographs = [file for file in files if file.suffix.lower() in SUFFIXES]
            if not photographs:
                raise UsageError(f"{path} holds no file of the kinds {', '.join(SUFFIXES)}")
            if len(photographs) < len(files):
                others = len(files) - len(photographs)
                log.info("%s: %d files of other kinds are skipped", path, others)
            yield from ((file, file.relative_to(path)) for file in photographs)


def _shard(jobs: list[Job], shard: str) -> list[Job]:
    index, _, count = shard.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise UsageError(f"shard {shard!r} is not I/N: set 1/4 to 4/4, for example")
    return jobs[int(index) - 1 :: int(count)]


def _adversarial(path: Path) -> Path:
    """Return the adversarial model of a model: pretrained, NAME-gan; in a run directory, stage2."""
    pretrained = path.with_name(f"{path.name}-gan")
    return pretrained if pretrained.is_dir() else path.with_name("stage2")
