"""A model folder: training writes it, and inference and evaluation read nothing else.

`generator.keras`: the generator, float32, for Keras. `saved_model/`: the same with signatures for
serving. `model.json`: the description, see `save`. `README.md`: the model card.
"""

import json
import logging
import os
import platform
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from srgan_keras import hub
from srgan_keras.errors import UsageError
from srgan_keras.export import saved_model
from srgan_keras.export.card import card
from srgan_keras.export.parity import saved_model_parity
from srgan_keras.export.serving_form import serving_form
from srgan_keras.files import write_json
from srgan_keras.models.receptive_field import bytes_per_pixel, fold, receptive_radius
from srgan_keras.paths import packaged
from srgan_keras.version import __version__

log = logging.getLogger(__name__)

SCHEMA = 1
FILES = (
    *("generator.keras", "saved_model/saved_model.pb", "saved_model/fingerprint.pb"),
    *(f"saved_model/variables/variables.{part}" for part in ("index", "data-00000-of-00001")),
    *("README.md", "model.json"),
)
"""The files that `save` writes, model.json last."""
PRETRAINED = packaged("saved_models")
"""The folder of the pretrained models."""

REQUIRED = ("name", "degradation", "normalisation", "training_sha256", "configuration")
READ = {"schema", "name", "scale", "degradation"}
BUILT = {
    "channel_attention": (False,),
    "dilation": (1,),
    "upsampling": ("direct", "steps"),
}
"""Values of generator settings that can still be built; folders made before may hold others."""


def pretrained() -> dict[str, Path]:
    """Return the folders of the pretrained models by name."""
    return {file.parent.name: file.parent for file in sorted(PRETRAINED.glob("*/model.json"))}


def find(name_or_path: str | Path) -> Path:
    """Return the folder of a model.

    Args:
        name_or_path: the name of a pretrained model, otherwise the path of a model folder. A name
            never means a folder in the working directory: `./NAME` is that folder, as is a `Path`.
            `hf://USER/MODEL[@REVISION]` is a model of the hub, see `hub_folder.folder_of`.

    Raises:
        UsageError: neither exists.
    """
    if hub.is_reference(name_or_path):
        from srgan_keras.export.hub_folder import folder_of  # which saves model folders

        return folder_of(str(name_or_path))
    path, known = Path(name_or_path), pretrained()
    if str(name_or_path) in known and not (isinstance(name_or_path, Path) and path.is_dir()):
        if (path / "model.json").is_file():
            log.warning("%s is the pretrained model. For the folder here, give ./%s", path, path)
        return known[str(name_or_path)]
    if (path / "model.json").is_file():
        return path
    if path.is_dir():
        inside = sorted(str(file.parent) for file in path.glob("models/*/model.json"))
        hint = f"; its models are {', '.join(inside)}" if inside else ""
        raise UsageError(f"{path} is not a model folder: it has no model.json{hint}")
    names = f"one of {', '.join(known)}" if known else "(no pretrained model is installed)"
    raise UsageError(f"no model {str(name_or_path)!r}: give a model folder's path or {names}")


def save(
    folder: Path, generator: keras.Model, info: dict[str, Any], among_others: bool = False
) -> None:
    """Write a model folder, or replace the files of one. A failure changes nothing.

    `model.json` holds `info` and the facts that are found here: scale, receptive field, colour,
    pixel limit, versions, parity, and `files`, the list of the files that the package wrote. Files
    that are not in the list of the folder before are left alone.

    Args:
        folder: its parents are made.
        generator: functional, float32 [N, h, w, 3] in 0..1 -> float32 [N, sh, sw, 3], not clipped.
            Under any dtype policy: the folder holds its float32 copy.
        info: required are `name`; `degradation`, {"name", "version"}; `normalisation`,
            {"mean", "std"} per channel in 0..1; `training_sha256`, a list; `configuration`. Other
            keys are kept.
        among_others: write the model into a folder of other files, too.

    Raises:
        ValueError: `info` lacks a required key.
        UsageError: the folder holds something other than a model, or see `check_built`.
        RuntimeError: the SavedModel and the generator differ.
    """
    missing = [key for key in REQUIRED if key not in info]
    if missing:
        raise ValueError(f"info lacks {', '.join(missing)}")
    check_built(info)
    folder = Path(folder)
    known = (folder / "model.json").is_file()
    occupied = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    before = recorded(folder, read_info(folder)) if known else []
    foreign = [name for name in FILES if (folder / name).exists() and name not in before]
    if folder.is_file() or foreign or (occupied and not (known or among_others)):
        raise UsageError(f"{folder} holds something else: choose another folder for the model")
    _replace(folder, generator, info, before)


def update(folder: Path) -> None:
    """Write the SavedModel of a model folder again, as this version does, and its model.json.

    The card and files that the package did not write stay. Other formats are no longer listed in
    `parity`: they have to be exported again.

    Raises:
        UsageError: see `read_info`, `check_built` and `output_folder.check_writable`.
    """
    info = read_info(folder)
    check_built(info)
    before = recorded(folder, info)
    generator = keras.models.load_model(folder / "generator.keras")
    kept = [name for name in before if name not in FILES] + ["README.md"]
    _replace(folder, generator, info, before, kept)


def recorded(folder: Path, info: dict[str, Any]) -> list[str]:
    """Return the files that the package wrote into a model folder, named below it.

    Args:
        folder: the model folder.
        info: its model.json. One without a list counts as if it listed `FILES`, and the files of
            the formats that it gives a parity of.
    """
    if "files" in info:
        return info["files"]
    folders = {name.partition("_")[0] for name in info.get("parity", ()) if name != "saved_model"}
    exports = [file for name in sorted(folders) for file in sorted((folder / name).glob("*"))]
    return [*FILES, *(file.relative_to(folder).as_posix() for file in exports)]


def _replace(
    folder: Path,
    generator: keras.Model,
    info: dict[str, Any],
    before: list[str],
    kept: Sequence[str] = (),
) -> None:
    """Write all files beside, then replace those of `before` by them, except for `kept`."""
    partial = folder.parent / f".{uuid.uuid4().hex}.partial"
    if folder.is_dir():  # which may be a file system of its own
        partial = folder / partial.name
    partial.mkdir(parents=True)
    try:
        _write(partial, generator, info, kept)
        if not folder.is_dir():
            partial.rename(folder)
            return
        for name in set(before) - set(kept):
            if not (partial / name).exists():
                (folder / name).unlink(missing_ok=True)
        for name in FILES:
            if (partial / name).exists():
                (folder / name).parent.mkdir(exist_ok=True)
                os.replace(partial / name, folder / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(folder: Path, generator: keras.Model, info: dict[str, Any], kept: Sequence[str]) -> None:
    model = saved_model.export(generator, folder / "saved_model")
    model.save(folder / "generator.keras")
    scale = saved_model.scale_of(model)
    radius = receptive_radius(model, scale)
    found = {
        "scale": scale,
        "receptive_field": 2 * radius + 1,
        "receptive_radius": radius,
        "fold": fold(model),
        "bytes_per_pixel": bytes_per_pixel(serving_form(model)[0]),
        "pixel_limit": saved_model.PIXEL_LIMIT,
        "colour": {"space": "sRGB", "channels": "RGB", "range": [0, 1]},
        "versions": {
            "srgan_keras": __version__,
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "parity": {"saved_model": saved_model_parity(model, folder / "saved_model")},
        "files": sorted({*FILES, *kept}),
    }
    whole = {"schema": SCHEMA, "name": info["name"], **info, **found}
    write_json(folder / "model.json", whole, indent=1)
    if "README.md" not in kept:
        (folder / "README.md").write_text(card(whole), encoding="utf-8")


def read_info(path: Path) -> dict[str, Any]:
    """Return the contents of a folder's model.json.

    Raises:
        UsageError: the folder is damaged, or a newer version wrote it.
    """
    file = path / "model.json"
    damaged = f"the model folder {path} is damaged: train or download it again"
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
        schema = info["schema"]
        complete = info.keys() >= READ and (path / "saved_model" / "saved_model.pb").is_file()
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise UsageError(damaged) from None
    if schema > SCHEMA:
        raise UsageError(f"a newer srgan_keras wrote {path}: upgrade the package")
    if not complete:
        raise UsageError(damaged)
    return info


def check_built(info: dict[str, Any]) -> None:
    """Check that the generator of a model folder can still be built.

    Args:
        info: the contents of model.json.

    Raises:
        UsageError: it was made with a setting that was removed.
    """
    settings = info["configuration"].get("generator", {})
    for key, values in BUILT.items():
        value = settings.get(key, values[0])
        if value not in values:
            raise UsageError(
                f"the generator of model {info['name']} has {key} {value}, which was removed: "
                "the model upscales, but cannot be trained or exported again"
            )
