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
from srgan_keras.config import Generator, UsageError
from srgan_keras.inference import saved_model
from srgan_keras.inference.card import card
from srgan_keras.inference.parity import saved_model_parity
from srgan_keras.inference.receptive_field import receptive_radius
from srgan_keras.models.generator import generator as build_generator

SCHEMA = 1
PACKAGE = Path(srgan_keras.__file__).parent
SHIPPED = (PACKAGE / "saved_models", PACKAGE.parent / "saved_models")
"""Where shipped models are: in an installed package, in a clone."""

REQUIRED = ("name", "degradation", "normalisation", "training_sha256", "configuration")
READ = {"schema", "name", "scale", "degradation", "pixel_limit"}


class ModelFolder:
    """A model to be used, by its SavedModel alone.

    Attributes:
        path: the folder.
        info: the contents of model.json.
        name: e.g. `srgan`.
        scale: SR side over LR side.
        degradation: name of the degradation it undoes.
        pixel_limit: the most LR pixels, H x W, of one image.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = _read_info(path)
        self.name: str = self.info["name"]
        self.scale: int = self.info["scale"]
        self.degradation: str = self.info["degradation"]["name"]
        self.pixel_limit: int = self.info["pixel_limit"]

    @cached_property
    def signatures(self) -> dict[str, Any]:
        """The SavedModel's functions by name; loaded when first asked for."""
        try:
            return dict(tf.saved_model.load(str(self.path / "saved_model")).signatures)
        except (OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(f"cannot load {self.path / 'saved_model'}: {reason}") from None

    def generator(self, architecture: Generator, scale: int) -> keras.Model:
        """Return the generator to be trained further, under the dtype policy in force.

        Args:
            architecture: that it is expected to have.
            scale: SR side over LR side, expected.

        Raises:
            UsageError: it has another one.
        """
        expected = asdict(architecture) | {"scale": scale}
        found = self.info["configuration"]["generator"] | {"scale": self.scale}
        other = [f"{k} {found.get(k)}, not {v}" for k, v in expected.items() if found.get(k) != v]
        if other:
            raise UsageError(f"the generator of {self.path} has {'; '.join(other)}")
        mean, std = (self.info["normalisation"][k] for k in ("mean", "std"))
        network = build_generator(architecture, scale, tuple(mean), tuple(std))
        network.set_weights(keras.models.load_model(self.path / "generator.keras").get_weights())
        return network

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Return the SR photograph, uint8 RGB [sH, sW, 3], of `image`, uint8 RGB [H, W, 3].

        Raises:
            UsageError: more pixels than the pixel limit.
        """
        return self._ask("serving_default", image)

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Return the SR photograph before rounding, float32 [sH, sW, 3] in 0..1, of `image`.

        Args:
            image: uint8 RGB [H, W, 3].

        Raises:
            UsageError: more pixels than the pixel limit.
        """
        return self._ask("serve_float", image)

    def _ask(self, signature: str, image: np.ndarray) -> np.ndarray:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected uint8 [H, W, 3], not {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        if not 1 <= height * width <= self.pixel_limit:
            raise UsageError(
                f"{width} x {height} px: model {self.name} takes 1 to {self.pixel_limit} pixels"
            )
        if signature == "serve_float":
            image = image.astype(np.float32) / 255
        answer = self.signatures[signature](images=tf.constant(image[np.newaxis]))
        return answer["images"][0].numpy()


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
    shipped = {file.parent.name: file.parent for root in SHIPPED for file in _descriptions(root)}
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
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
        complete = info.keys() >= READ and (path / "saved_model" / "saved_model.pb").is_file()
    except (OSError, ValueError, AttributeError):
        complete = False
    if not complete:
        raise UsageError(f"the model folder {path} is damaged: train or download it again")
    if info["schema"] > SCHEMA:
        raise UsageError(f"{path} was written by a newer srgan_keras: upgrade the package")
    return info
