"""The model folder: all that passes from training to inference and evaluation.

`generator.keras`: the generator, float32, for Keras. `saved_model/`: the same with signatures for
serving. `model.json`: what it is, see `save`. `README.md`: its card.
"""

import json
import platform
import shutil
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import srgan_keras
from srgan_keras.config import Generator, Train, UsageError
from srgan_keras.inference import formats, saved_model
from srgan_keras.inference.card import card
from srgan_keras.inference.parity import saved_model_parity
from srgan_keras.inference.receptive_field import bytes_per_pixel, receptive_radius
from srgan_keras.inference.serving_form import serving_form
from srgan_keras.inference.upscaler import Upscaler, upscale
from srgan_keras.models.generator import generator as build_generator
from srgan_keras.paths import packaged
from srgan_keras.training.machine import resolve_precision

SCHEMA = 1
SHIPPED = packaged("saved_models")
"""Where shipped models are."""

REQUIRED = ("name", "degradation", "normalisation", "training_sha256", "configuration")
READ = {"schema", "name", "scale", "degradation"}


class ModelFolder:
    """A model to be used, by its SavedModel alone.

    Attributes:
        path: the folder.
        info: the contents of model.json.
        name: e.g. `srgan`.
        scale: SR side over LR side.
        degradation: name of the degradation it undoes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = _read_info(path)
        self.name: str = self.info["name"]
        self.scale: int = self.info["scale"]
        self.degradation: str = self.info["degradation"]["name"]

    @cached_property
    def _saved_model(self) -> Any:  # noqa: ANN401
        """Loaded when first asked for; has the attribute `network`, an `InferenceNetwork`."""
        folder = self.path / "saved_model"
        try:
            return tf.saved_model.load(str(folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(f"cannot load {folder}: {reason}") from None

    def upscaler(self, precision: str = "float32", engine: str = "keras") -> Upscaler:
        """Return the model as a function of batches, with what tiles need to know of it.

        Args:
            precision: `float32`; `bfloat16`; `auto`, bfloat16 where the device multiplies it.
            engine: `keras`, the SavedModel; `openvino`, an export.

        Raises:
            UsageError: the folder has to be brought up to date, or exported, first.
        """
        if "bytes_per_pixel" not in self.info:
            raise UsageError(
                f"{self.path} was written by an older srgan_keras: "
                f"`srgan-keras export {self.path} --format saved_model` brings it up to date"
            )
        if precision == "auto":
            half = resolve_precision(Train(), "default") == "mixed_bfloat16"
            precision = "bfloat16" if half else "float32"
        if engine == "openvino":
            if engine not in self.info["parity"]:
                raise UsageError(
                    f"`srgan-keras export {self.path} --format openvino` has to come first"
                )
            network = formats.load_openvino(self.path / formats.FORMATS[engine].file, precision)
        else:
            whole = self._saved_model  # holds the weights: a function alone would lose them

            def network(images: np.ndarray) -> np.ndarray:
                return getattr(whole.network, precision)(tf.constant(images)).numpy()

        radius, cost = self.info["receptive_radius"], self.info["bytes_per_pixel"]
        return Upscaler(network, self.scale, radius, cost)

    def generator(self, architecture: Generator, scale: int) -> keras.Model:
        """Return the generator to be trained further, under the dtype policy in force.

        Args:
            architecture: that it is expected to have.
            scale: SR side over LR side, expected.

        Raises:
            UsageError: it has another one.
        """
        expected = asdict(architecture) | {"scale": scale}
        # what was no setting yet when it was trained counts as its default
        found = asdict(Generator()) | self.info["configuration"]["generator"]
        found["scale"] = self.scale
        other = [f"{k} {found.get(k)}, not {v}" for k, v in expected.items() if found.get(k) != v]
        if other:
            raise UsageError(f"the generator of {self.path} has {'; '.join(other)}")
        mean, std = (self.info["normalisation"][k] for k in ("mean", "std"))
        network = build_generator(architecture, scale, tuple(mean), tuple(std))
        network.set_weights(keras.models.load_model(self.path / "generator.keras").get_weights())
        return network

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Return the SR photograph, of the type of `image` and rounded, [sH, sW, 3].

        Args:
            image: uint8 or uint16 RGB [H, W, 3], of any size: it is computed in tiles.
        """
        return upscale(self.upscaler(), _checked(image))[0]

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Return the same before rounding, float32 [sH, sW, 3] in 0..1."""
        return upscale(self.upscaler(), _checked(image), rounded=False)[0]


def _checked(image: np.ndarray) -> np.ndarray:
    if image.dtype not in (np.uint8, np.uint16) or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 or uint16 [H, W, 3], not {image.dtype} {image.shape}")
    return image


def load(name_or_path: str | Path) -> ModelFolder:
    """Return the model folder at a path, or the shipped one of a name.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    path = Path(name_or_path)
    if (path / "model.json").is_file():
        return ModelFolder(path)
    if path.is_dir():
        inside = sorted(str(file.parent) for file in path.glob("models/*/model.json"))
        hint = f"; its models are {', '.join(inside)}" if inside else ""
        raise UsageError(f"{path} is no model folder: it has no model.json{hint}")
    shipped = {file.parent.name: file.parent for file in _descriptions(SHIPPED)}
    if str(name_or_path) in shipped:
        return ModelFolder(shipped[str(name_or_path)])
    known = f"one of {', '.join(sorted(shipped))}" if shipped else "(no model is shipped)"
    raise UsageError(f"no model {str(name_or_path)!r}: give a model folder's path or {known}")


def save(folder: Path, generator: keras.Model, info: dict[str, Any]) -> None:
    """Write a model folder, or replace one, in one step: beside it first, then renamed.

    Args:
        folder: its parents are made.
        generator: functional, float32 [N, h, w, 3] in 0..1 -> float32 [N, sh, sw, 3], not clipped;
            of any dtype policy: the folder holds its float32 copy.
        info: goes into model.json beside what is found here (scale, receptive field, colour, pixel
            limit, versions, parity). Needed: `name`; `degradation`, {"name", "version"};
            `normalisation`, {"mean", "std"} per channel in 0..1; `training_sha256`, a list;
            `configuration`. Other keys are kept.

    Raises:
        UsageError: the folder holds something else than a model.
        RuntimeError: the SavedModel does not compute what the generator computes.
    """
    missing = [key for key in REQUIRED if key not in info]
    if missing:
        raise ValueError(f"info lacks {', '.join(missing)}")
    folder = Path(folder)
    occupied = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    if occupied and not (folder / "model.json").is_file():
        raise UsageError(f"{folder} holds something else than a model: choose another folder")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write(partial, generator, info)
        _put(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(folder: Path, generator: keras.Model, info: dict[str, Any]) -> None:
    model = saved_model.export(generator, folder / "saved_model")
    model.save(folder / "generator.keras")
    scale = saved_model.scale_of(model)
    radius = receptive_radius(model, scale)
    found = {
        "scale": scale,
        "receptive_field": 2 * radius + 1,
        "receptive_radius": radius,
        "bytes_per_pixel": bytes_per_pixel(serving_form(model)[0]),
        "pixel_limit": saved_model.PIXEL_LIMIT,
        "colour": {"space": "sRGB", "channels": "RGB", "range": [0, 1]},
        "versions": {
            "srgan_keras": srgan_keras.__version__,
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "parity": {"saved_model": saved_model_parity(model, folder / "saved_model")},
    }
    whole = {"schema": SCHEMA, "name": info["name"], **info, **found}
    (folder / "model.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card(whole), encoding="utf-8")


def _put(new: Path, folder: Path) -> None:
    """Rename `new` to `folder`; one that is there goes only when the new one is in its place."""
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _descriptions(root: Path) -> list[Path]:
    return sorted(root.glob("*/model.json"))


def _read_info(path: Path) -> dict[str, Any]:
    file = path / "model.json"
    damaged = f"the model folder {path} is damaged: train or download it again"
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
        schema = info["schema"]
        complete = info.keys() >= READ and (path / "saved_model" / "saved_model.pb").is_file()
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise UsageError(damaged) from None
    if schema > SCHEMA:
        raise UsageError(f"{path} was written by a newer srgan_keras: upgrade the package")
    if not complete:
        raise UsageError(damaged)
    return info
