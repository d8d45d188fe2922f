"""A model folder, loaded: `srgan_keras.load`."""

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
from srgan_keras.export.model_folder import find, read_info
from srgan_keras.inference.upscaler import Upscaler, upscale
from srgan_keras.machine import resolve_precision
from srgan_keras.models.generator import build_generator


class Model:
    """A model to be used, by its SavedModel alone.

    Attributes:
        path: the folder.
        info: the contents of model.json.
        name: e.g. `stage2`.
        scale: SR side over LR side.
        degradation: name of the degradation it undoes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = read_info(path)
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
            half = resolve_precision("auto") == "mixed_bfloat16"
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


def load(name_or_path: str | Path) -> Model:
    """Return the model at a path, or the pretrained model of a name.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    return Model(find(name_or_path))
