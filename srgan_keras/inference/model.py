"""Pretrained models and model folders, ready to upscale or restore: `srgan_keras.load`."""

from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from srgan_keras.config import Generator
from srgan_keras.errors import UsageError
from srgan_keras.export import formats
from srgan_keras.export.model_folder import check_built, find, read_info
from srgan_keras.export.tiles import Network
from srgan_keras.files import is_file_name, sha256
from srgan_keras.inference.upscaler import Upscaler, upscale
from srgan_keras.machine import resolve_precision
from srgan_keras.models.generator import build_generator
from srgan_keras.tensorflow_path import readable

TAKE_PRECISION = ("keras", "openvino", "openvino_float16")
"""Engines that compute in float32 or bfloat16; the others have a type of their own."""


class Model:
    """A model that upscales images, or at scale 1 restores them, with its SavedModel.

    Attributes:
        path: the folder.
        info: the contents of model.json.
        name: of the model, such as `fundus-x4` or `stage2`.
        scale: SR side over LR side.
        degradation: name of the degradation that it was trained to undo.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = read_info(path)
        self.name: str = self.info["name"]
        if not is_file_name(self.name):  # results are written to files and folders of this name
            raise UsageError(f"{path / 'model.json'}: the name {self.name!r} is no file name")
        self.scale: int = self.info["scale"]
        self.degradation: str = self.info["degradation"]["name"]

    @cached_property
    def sha256(self) -> str:
        """Hash of the weights, of the file variables/variables.data-00000-of-00001 of SavedModel.

        Raises:
            UsageError: the file cannot be read.
        """
        file = self.path / "saved_model" / "variables" / "variables.data-00000-of-00001"
        try:
            return sha256(file)
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}") from None

    @cached_property
    def _saved_model(self) -> Any:  # noqa: ANN401
        """Load it on first use; it has the attribute `network`, an `InferenceNetwork`."""
        folder = self.path / "saved_model"
        try:
            with readable(folder) as path:
                return tf.saved_model.load(str(path))
        except (OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(f"cannot load {folder}: {reason}") from None

    def upscaler(self, precision: str = "float32", engine: str = "keras") -> Upscaler:
        """Return the model as a function of batches, with the sizes that tiles depend on.

        Args:
            precision: `float32`; `bfloat16`; `auto`, bfloat16 where the device multiplies it.
            engine: `keras`, the SavedModel; otherwise the name of an export in `formats.ENGINES`.

        Raises:
            UsageError: the folder has no such export, or lacks facts that older versions of the
                package did not write; bfloat16 for an export that computes in its own type.
        """
        if "bytes_per_pixel" not in self.info:
            raise UsageError(
                f"an older srgan_keras wrote {self.path}. To bring it up to date, run "
                f"`srgan-keras export {self.path} --format saved_model`."
            )
        if precision == "auto" and engine in TAKE_PRECISION:
            half = resolve_precision("auto") == "mixed_bfloat16"
            precision = "bfloat16" if half else "float32"
        if engine != "keras":
            network = self._exported(engine, precision)
        else:
            whole = self._saved_model  # holds the weights: a function alone would lose them

            def network(images: np.ndarray) -> np.ndarray:
                return getattr(whole.network, precision)(tf.constant(images)).numpy()

        radius, cost = self.info["receptive_radius"], self.info["bytes_per_pixel"]
        # only models of newer versions can have a fold
        return Upscaler(network, self.scale, radius, cost, self.info.get("fold", 1))

    @property
    def architecture(self) -> Generator:
        """Architecture of the generator. A setting that is newer than the model has its default."""
        return Generator.of(self.info["configuration"]["generator"])

    def _exported(self, engine: str, precision: str) -> Network:
        """Open an export.

        Raises:
            UsageError: the folder has none, or it does not compute in this precision.
        """
        if engine not in self.info["parity"]:
            raise UsageError(
                f"{self.path} has no export for engine {engine}. To make it, run "
                f"`srgan-keras export {self.path} --format {engine}`."
            )
        file = self.path / formats.FORMATS[engine].file
        if engine in TAKE_PRECISION:
            return formats.load_openvino(file, precision)
        if precision == "bfloat16":
            raise UsageError(f"engine {engine} computes in its own type: leave precision out")
        return formats.ENGINES[engine](file)

    def generator(self, architecture: Generator, scale: int) -> keras.Model:
        """Return the generator for further training, under the current dtype policy.

        Args:
            architecture: the expected architecture.
            scale: the expected SR side over LR side.

        Raises:
            UsageError: the model has another architecture, or one that can no longer be built.
        """
        check_built(self.info)
        fold = {"unshuffle": architecture.fold(scale)}
        expected = asdict(architecture) | fold | {"scale": scale}
        fold = {"unshuffle": self.architecture.fold(self.scale)}
        found = asdict(self.architecture) | fold | {"scale": self.scale}
        if not found["wide_blocks"]:
            del expected["wide_blocks"]  # a new branch starts as the identity
        other = [f"{k} {found.get(k)}, not {v}" for k, v in expected.items() if found.get(k) != v]
        if other:
            raise UsageError(f"the generator of {self.path} has {'; '.join(other)}")
        mean, std = (self.info["normalisation"][k] for k in ("mean", "std"))
        network = build_generator(architecture, scale, tuple(mean), tuple(std))
        saved = keras.models.load_model(self.path / "generator.keras")
        for layer in saved.layers:
            network.get_layer(layer.name).set_weights(layer.get_weights())
        return network

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Return the SR photograph, of the type of `image` and rounded, [sH, sW, 3].

        Args:
            image: uint8 or uint16 RGB [H, W, 3], of any size: it is computed in tiles.

        Raises:
            ValueError: `image` is of another type or shape.
            UsageError: `image` has no pixels, or see `upscaler`.
        """
        return upscale(self.upscaler(), _checked(image))[0]

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Return the result of `upscale` before rounding, float32 [sH, sW, 3] in 0..1."""
        return upscale(self.upscaler(), _checked(image), rounded=False)[0]


def _checked(image: np.ndarray) -> np.ndarray:
    if image.dtype not in (np.uint8, np.uint16) or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 or uint16 [H, W, 3], not {image.dtype} {image.shape}")
    return image


def load(name_or_path: str | Path) -> Model:
    """Load a model.

    Args:
        name_or_path: the name of a pretrained model, such as `fundus-x4`, or the path of a model
            folder. `./fundus-x4`, or a `Path`, is a folder in the working directory.
            `hf://USER/MODEL[@REVISION]` is a model of the Hugging Face Hub, opened in safe mode.

    Raises:
        UsageError: no such model exists, or its folder is damaged.
    """
    return Model(find(name_or_path))
