"""The command `upscale`: photographs in, larger ones out. Reads, computes and writes at once."""

import errno
import glob
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
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
from srgan_keras.inference.upscaler import (
    Upscaler,
    back_projected,
    bicubic,
    blended,
    ensembled,
    field_of_view,
    upscale,
)
from srgan_keras.options import UpscaleOptions

MOST_PIXELS = 2**30
"""The pixels of the largest image that OpenCV reads."""

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """A photograph, and the file that its SR is written to."""

    source: Path
    target: Path


def upscale_files(options: UpscaleOptions) -> None:
    """Upscale photographs, files or whole folders; log each file that fails, and do the rest.

    Raises:
        UsageError: wrong use or input.
        CommandError: done, but some files failed.
    """
    upscaler = _upscaler(options)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {options.out}: {error.strerror}") from None
    jobs = _shard(list(_jobs(options)), options.shard)
    todo = [job for job in jobs if options.overwrite or not job.target.exists()]
    if len(todo) < len(jobs):
        log.info(
            "%d of %d files exist already and are skipped. To write them again, set overwrite.",
            len(jobs) - len(todo),
            len(jobs),
        )
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
            pending = job, writer.submit(_write, job.target, made)
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


def _not_written(pending: tuple[Job, Future] | None) -> int:
    """Wait until a file is written; return 1 where it failed. A full disk ends the command."""
    if pending is None:
        return 0
    job, written = pending
    try:
        written.result()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        log.error("%s cannot be written: %s", job.target, error.strerror)
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
    sr, deviation = upscale(upscaler, colour, tile, options.batch, wanted, progress=progress)
    if image.grey:  # the network's three channels differ a little
        sr[...] = np.rint(sr.mean(axis=2, dtype=np.float32))[..., np.newaxis]
    alpha = image.alpha
    if alpha is not None:
        alpha = bicubic(np.repeat(alpha[..., np.newaxis], 3, axis=2), scale)[..., 0]
    made = {"": replace(image, colour=sr, alpha=alpha)}
    if options.compare:
        strip = np.hstack([bicubic(colour, scale), sr])
        made[".compare"] = replace(image, colour=strip, alpha=None)
    if deviation is not None:
        levels = np.rint(np.minimum(deviation * (255 * 256), 65535)).astype(np.uint16)
        made[".uncertainty"] = ImageFile(np.repeat(levels[..., np.newaxis], 3, axis=2), grey=True)
    return made


def _write(target: Path, made: dict[str, ImageFile]) -> None:
    for name, image in reversed(made.items()):  # SR comes last: while it is missing, a job is open
        write(target.with_name(f"{target.stem}{name}{target.suffix}"), image)


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
    if options.self_ensemble or options.uncertainty:
        upscaler = ensembled(upscaler, options.uncertainty)
    return upscaler


def _jobs(options: UpscaleOptions) -> Iterator[Job]:
    """List the files; those of a folder keep their places below it.

    Raises:
        UsageError: an input does not exist, or two would be written to one file.
    """
    suffix = ".png" if options.format == "png" else ".tiff"
    out, seen = options.out.resolve(), {}
    for source, inside in _sources(options.inputs, out):
        target = options.out / inside.with_suffix(suffix)
        if seen.setdefault(target, source) != source:
            raise UsageError(
                f"{seen[target]} and {source} would both be written to {target}: upscale them "
                "into different folders"
            )
        yield Job(source, target)


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
            names, left_out = walk(path)
            for name, reason in left_out:
                log.warning("%s is skipped: %s", path / name, reason)
            own = [name for name in names if not of_macos(name)]
            if len(own) < len(names):
                macos = len(names) - len(own)
                log.info("%s: %d files that macOS left there are skipped", path, macos)
            files = [path / name for name in own if out not in (path / name).resolve().parents]
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
