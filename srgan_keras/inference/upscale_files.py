"""The command `upscale`: photographs in, larger ones out. Reads, computes and writes at once."""

import errno
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srgan_keras import hub
from srgan_keras.assessment.measures import measure
from srgan_keras.assessment.recommend import recommend
from srgan_keras.data.image_file import ImageFile, Reason
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.inference import engine_choice
from srgan_keras.inference.encode import check_fits, losses
from srgan_keras.inference.image_files import read, write
from srgan_keras.inference.jobs import (
    Job,
    file_of,
    files_of,
    jobs_of,
    refuse_foreign,
    refuse_inputs,
    shard_of,
    to_do,
)
from srgan_keras.inference.model import Model, load
from srgan_keras.inference.onnx_model import OnnxModel
from srgan_keras.inference.open_model import open_model
from srgan_keras.inference.plain_saved_model import PlainSavedModel
from srgan_keras.inference.provenance import Provenance, of_options
from srgan_keras.inference.reduce import reduced, side_of
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
from srgan_keras.output_folder import check_writable
from srgan_keras.rounding import eight_bit

MOST_PIXELS = 2**30
"""The pixels of the largest image that OpenCV reads."""

STREAM = "-"
"""Stands for standard input and standard output."""

_CONTENTS = {
    ".compare": "the input, enlarged by bicubic interpolation above scale 1, beside SR",
    ".uncertainty": "standard deviation of the self-ensemble, 256 a grey level of 8 bit",
}

log = logging.getLogger(__name__)


def upscale_files(options: UpscaleOptions) -> None:
    """Upscale photographs, files or whole folders; log each file that fails, and do the rest.

    Raises:
        UsageError: wrong use or input.
        CommandError: done, but some files failed.
    """
    if STREAM in (*options.inputs, str(options.out)):
        from srgan_keras.inference.upscale_stream import upscale_stream

        upscale_stream(options)
        return
    if options.runner == "beam" and options.engine == "auto":
        raise UsageError("--engine auto measures one machine: name an engine for --runner beam")
    everything = jobs_of(options)
    refuse_inputs(everything, options)
    jobs = shard_of(everything, options.shard)
    todo = to_do(jobs, options)
    refuse_foreign(options.out / name for job in todo for name in files_of(job, options))
    check_writable(options.out, "choose another folder")
    if options.runner == "beam":  # the same on all workers
        others = options.adversarial and hub.pinned(options.adversarial)
        options = replace(options, model=hub.pinned(options.model), adversarial=others)
    upscaler, about = prepared(options)
    if options.runner == "beam" and todo:
        from srgan_keras.inference.upscale_beam import run_on_workers  # an extra

        failed, skipped = run_on_workers(todo, options)
    else:
        failed, skipped = run_jobs(upscaler, todo, options, about)
    _say_skipped(skipped, len(todo))
    if failed:
        raise CommandError(f"{failed} of {len(todo)} files failed; the others are in {options.out}")


def run(
    upscaler: Upscaler,
    jobs: Sequence[Job],
    options: UpscaleOptions,
    about: Provenance | None = None,
) -> int:
    """Upscale photographs here; return how many failed."""
    failed, skipped = run_jobs(upscaler, jobs, options, about)
    _say_skipped(skipped, len(jobs))
    return failed


def run_jobs(
    upscaler: Upscaler,
    jobs: Sequence[Job],
    options: UpscaleOptions,
    about: Provenance | None = None,
    show: bool = True,
) -> tuple[int, Counter]:
    """Read, compute and write at once, one file each, and `show` the progress.

    Returns:
        How many failed, and how many `assess` recommends to skip, by recommendation.
    """
    failed, skipped = 0, Counter()
    layout = "{percentage:3.0f}% |{bar}| {n:.1f} of {total} [{elapsed}, {remaining} left]"
    with (
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(1) as writer,
        tqdm(total=len(jobs), bar_format=layout, disable=None if show else True) as bar,
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
                made = process(upscaler, str(job.source), image, options, bar.update)
            except (Reason, UsageError, OSError) as error:
                failed += 1
                log.error("cannot upscale %s: %s", job.source, error)
                bar.update(i + 1 - bar.n)
                continue
            failed += _not_written(pending)
            pending = options.out / job.name, writer.submit(_write, job, made, options, about)
            del image, made, current
        failed += _not_written(pending)
    return failed, skipped


def _say_skipped(skipped: Counter, count: int) -> None:
    if skipped:
        by_advice = ", ".join(f"{name} {number}" for name, number in sorted(skipped.items()))
        log.info("%d of %d files are skipped: %s", skipped.total(), count, by_advice)


def _not_needed(image: ImageFile) -> str:
    """Return the recommendation if it is to leave or to retake, otherwise nothing."""
    action = recommend(measure(eight_bit(image.colour))).action
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
    except (Reason, UsageError) as error:  # somebody has put a file in its place since
        log.error("%s", error)
        return 1
    return 0


def process(
    upscaler: Upscaler,
    source: str,
    image: ImageFile,
    options: UpscaleOptions,
    progress: Callable[[float], object],
    observe: Callable[[dict[str, np.ndarray]], object] = lambda maps: None,
) -> dict[str, ImageFile]:
    """Return the files to write, by the end of their names.

    Args:
        upscaler: that of `prepared`.
        source: names the image in the log.
        image: what to upscale.
        options: those of `prepared`.
        progress: called with the share of the image's pixels each time a tile is done.
        observe: called with the maps, see `upscaler.upscale`.

    Raises:
        Reason: the format cannot hold the result.
    """
    colour, scale = image.colour, upscaler.scale
    if scale**2 * colour[..., 0].size > MOST_PIXELS:
        raise Reason(f"SR would be larger than {MOST_PIXELS} px: cut the photograph into parts")
    height, width = (side * scale for side in colour.shape[:2])
    height, width = side_of(height, width, options.long_side)
    check_fits(width * (1 + options.compare), height, options.format)
    for note in (*image.notes, *losses(image, options.format)):
        log.warning("%s %s", source, note)
    wanted = field_of_view(colour, upscaler.radius) if options.skip_outside else None
    if wanted is not None and not wanted.all():
        share = 100 * (1 - np.count_nonzero(wanted) / wanted.size)
        log.info("%s: %.1f %% lies outside the field of view, upscaled bicubically", source, share)
    tile, batch = _tiling(upscaler, options)
    sr, maps = upscale(upscaler, colour, tile, batch, wanted, progress=progress)
    observe(maps)
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
    return {ending: reduced(each, image, scale, options.long_side) for ending, each in made.items()}


def _tiling(upscaler: Upscaler, options: UpscaleOptions) -> tuple[int | None, int]:
    """Return the side of a tile and the tiles per batch; options count before measurements."""
    if options.memory is not None:
        return upscaler.tile(int(options.memory * 1e9) // options.batch), options.batch
    if options.tile is None and options.batch == 1 and upscaler.preferred:
        return upscaler.preferred
    return options.tile, options.batch


def _say_share(source: Path, colour: np.ndarray, fallback: np.ndarray, scale: int) -> None:
    """Log how much of the retina the guard left as it was."""
    retina = field_of_view(colour, 0)
    if retina is not None:
        fallback = fallback[retina.repeat(scale, 0).repeat(scale, 1)]
    where = "the photograph" if retina is None else "the retina"
    kept = "left as in the input" if scale == 1 else "interpolated bicubically"
    log.info("%s: guard: %.0f %% of %s %s", source, 100 * fallback.mean(), where, kept)


def _write(
    job: Job, made: dict[str, ImageFile], options: UpscaleOptions, about: Provenance | None
) -> None:
    for ending, image in reversed(
        made.items()
    ):  # SR comes last: while it is missing, a job is open
        target = options.out / file_of(job, ending)
        refuse_foreign([target])
        said = about and replace(about, content=_CONTENTS.get(ending, ""))
        write(target, image, said, options.keep_identity)


def prepared(options: UpscaleOptions) -> tuple[Upscaler, Provenance]:
    """Return the upscaler, and what its results say about themselves.

    Raises:
        UsageError: wrong use, or a model cannot be loaded.
    """
    _check(options)
    model = _open(options.model)
    other = None
    if options.blend is not None:
        named = options.adversarial
        other = _open(named) if named else load(_adversarial(model.path))
    return _upscaler(options, model, other), of_options(options, model, other)


def _open(name: str) -> Model | OnnxModel:
    model = open_model(name)
    if isinstance(model, PlainSavedModel):
        raise UsageError(f"{name} has no model.json: give a model folder or an ONNX file")
    return model


def _check(options: UpscaleOptions) -> None:
    tile = 1 if options.tile is None else options.tile
    if options.batch < 1 or tile < 1 or options.back_project < 0:
        raise UsageError("batch and tile must be 1 or more, back_project 0 or more")
    if options.tile is not None and options.memory is not None:
        raise UsageError("set tile or memory, not both")
    if not 0 <= (options.blend or 0) <= 1:
        raise UsageError("blend must be 0 (MODEL alone) to 1 (the adversarial model alone)")
    if options.format == "dicom" and find_spec("pydicom") is None:
        raise UsageError("format dicom needs pydicom: run `pip install 'srgan_keras[dicom]'`")
    if options.keep_identity and options.format != "dicom":
        raise UsageError("keep_identity is for format dicom: other formats have no patient")


def _upscaler(
    options: UpscaleOptions, model: Model | OnnxModel, other: Model | OnnxModel | None
) -> Upscaler:
    """Combine the models with the options that change their output."""
    upscaler = _plain(options, model)
    if other is not None:
        upscaler = blended(upscaler, _plain(options, other), options.blend)
    if options.back_project:
        upscaler = back_projected(upscaler, model.degradation, options.back_project)
    if options.guard:
        return guarded(upscaler)
    if options.self_ensemble or options.uncertainty:
        return ensembled(upscaler, options.uncertainty)
    return upscaler


def _plain(options: UpscaleOptions, model: Model | OnnxModel) -> Upscaler:
    """Open the model in the engine of the options."""
    if options.engine == "auto" and isinstance(model, Model):
        return engine_choice.fastest(model, options.precision)
    return model.upscaler(options.precision, options.engine)


def _adversarial(path: Path) -> Path:
    """Return the adversarial model of a model: pretrained, NAME-gan; in a run directory, stage2."""
    pretrained = path.with_name(f"{path.name}-gan")
    return pretrained if pretrained.is_dir() else path.with_name("stage2")
