"""The work behind the page: read a photograph, upscale it as `upscale` does, find its flags."""

import shlex
import shutil
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from srgan_keras.app import support
from srgan_keras.app.entries import Entry, Result
from srgan_keras.data import decode
from srgan_keras.data.image_file import ImageFile, Reason
from srgan_keras.inference.image_files import from_bytes
from srgan_keras.inference.model import Model, load
from srgan_keras.inference.provenance import Provenance
from srgan_keras.inference.upscale_files import prepared, process
from srgan_keras.inference.upscaler import Upscaler
from srgan_keras.options import UpscaleOptions

METHODS = {
    "Single pass": {},
    "Self-ensemble and its trust map (8 times the time)": {"uncertainty": True},
    "Guard (8 times the time)": {"guard": True},
}
"""The options of `upscale` by the names that the page has for them."""


class Stopped(Exception):
    """The user has stopped the model, or has left the page."""


def take(upload: Path, megapixels: float) -> ImageFile:
    """Read an uploaded file, and delete it with its folder.

    Args:
        upload: the only file in its folder.
        megapixels: those of the largest photograph.

    Raises:
        Reason: `upscale` refuses it too, or it is too large.
    """
    try:
        image = from_bytes(decode.read_bytes(upload))
    finally:
        shutil.rmtree(upload.parent, ignore_errors=True)
    height, width = image.colour.shape[:2]
    if height * width > megapixels * 1e6:
        raise Reason(
            f"{width} x {height} px are more than the {megapixels:g} megapixels that this page "
            "takes: use `srgan-keras upscale`, or start the page with a larger --megapixels"
        )
    return image


def upscale_entry(
    entry: Entry,
    model: str,
    method: str,
    precision: str,
    progress: Callable[[float], object] = lambda share: None,
) -> Result:
    """Upscale the photograph of an entry; the pixels are those of the command in the result.

    Args:
        entry: is not changed.
        model: name of a pretrained model, or a model folder.
        method: a key of `METHODS`.
        precision: see `UpscaleOptions`.
        progress: called with the share that is done, 0 to 1.

    Raises:
        Reason: the result would be too large.
        UsageError: the model cannot be loaded.
        Stopped: the user does not want the result any more.
    """
    options = UpscaleOptions(model, (), Path("."), precision=precision, **METHODS[method])
    upscaler, about, loaded = _ready(options)
    maps: dict[str, np.ndarray] = {}
    done = 0.0

    def tile_done(share: float) -> None:
        nonlocal done
        if entry.left.is_set():
            raise Stopped
        done += share
        progress(min(done, 1.0))

    start = time.monotonic()
    # the name of a file may be that of a patient: it does not go into the log
    made = process(upscaler, "the photograph", entry.photograph, options, tile_done, maps.update)
    seconds = time.monotonic() - start
    lr, sr = entry.photograph.colour, made[""]
    found = support.maps_of(loaded, lr, sr.colour, maps)
    return Result(
        image=sr,
        about=about,
        scale=upscaler.scale,
        command=_command(entry.name, options),
        seconds=seconds,
        maps=found,
        flags=support.flags_of(found, lr, upscaler.scale),
        notes=_notes(entry.photograph, found, loaded),
    )


@lru_cache(maxsize=16)
def _ready(options: UpscaleOptions) -> tuple[Upscaler, Provenance, Model]:
    return *prepared(options), load(options.model)


def _command(name: str, options: UpscaleOptions) -> str:
    words = ["srgan-keras", "upscale", options.model, name, "--out", "upscaled"]
    words += ["--uncertainty"] * options.uncertainty + ["--guard"] * options.guard
    if options.precision != UpscaleOptions.precision:
        words += ["--precision", options.precision]
    return shlex.join(words)


def _notes(photograph: ImageFile, maps: dict[str, np.ndarray], model: Model) -> list[str]:
    notes = [f"The photograph {note}." for note in photograph.notes]
    share = support.fallback_share(maps, photograph.colour)
    if share is not None:
        kept = "left as in the input" if model.scale == 1 else "interpolated bicubically"
        notes.append(f"The guard: {100 * share:.0f} % of the retina is {kept}.")
    return notes
