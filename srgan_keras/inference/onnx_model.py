"""An ONNX file of any origin as a model: `upscale model.onnx`, `evaluate model.onnx`."""

import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from srgan_keras.errors import UsageError
from srgan_keras.export.onnx_format import open_session
from srgan_keras.export.onnx_layout import KEY, Layout, given
from srgan_keras.export.tiles import Network, tiled
from srgan_keras.files import is_file_name, sha256
from srgan_keras.inference.onnx_trial import Port, find_layout, from_range, to_range
from srgan_keras.inference.upscaler import Upscaler, upscale

SUFFIX = ".onnx"
BYTES_PER_PIXEL = 5000
"""Memory that an LR pixel of an unknown network is taken to need: windows of up to 327 px."""
TYPES = {
    f"tensor({name})": np.dtype(kind)
    for name, kind in {
        "float": np.float32,
        "float16": np.float16,
        "double": np.float64,
        "uint8": np.uint8,
    }.items()
}

log = logging.getLogger(__name__)


class OnnxModel:
    """A network in an ONNX file that maps RGB images to RGB images.

    Attributes:
        path: the file.
        info: empty.
        name: of the model that `export` wrote, otherwise the file's.
        scale: SR side over LR side.
        degradation: what it was trained to undo, if the file or the one beside it says so.
        layout: see `onnx_layout.Layout`.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, and find its layout.

        Raises:
            UsageError: it cannot be opened, or its layout is not recognised.
        """
        if not path.is_file():
            raise UsageError(f"no file {path}: give the path of an ONNX file")
        self.path, self.info = path, {}
        self._session = open_session(path)
        self._port = _port(path, self._session)
        metadata = self._session.get_modelmeta().custom_metadata_map.get(KEY, "")
        self.layout = find_layout(path, self._port, self._run, given(path, metadata))
        self.name = self.layout.name or path.stem
        if not is_file_name(self.name):
            raise UsageError(f"{path}: the name {self.name!r} is no file name")
        self.scale, self.degradation = self.layout.scale, self.layout.degradation
        log.info(
            "%s: x%d, %s, input %s, output %s, %s, on %s",
            *(path, self.scale, self.layout.axes, self.layout.input_range),
            *(self.layout.output_range, self.layout.colours, self._session.get_providers()[0]),
        )

    @cached_property
    def sha256(self) -> str:
        """Hash of the file."""
        return sha256(self.path)

    def upscaler(self, precision: str = "float32", engine: str = "auto") -> Upscaler:
        """Return the model as a function of batches, with the sizes that tiles depend on.

        Args:
            precision: `auto` or `float32`: a file computes in its own type.
            engine: `auto`, `keras` (the default of commands) or `onnx`, all of them ONNX Runtime.

        Raises:
            UsageError: another precision or engine.
        """
        if engine not in ("auto", "keras", "onnx") or precision not in ("auto", "float32"):
            raise UsageError(
                f"{self.path} runs in ONNX Runtime in its own type: leave engine and precision out"
            )
        layout = self.layout
        network, fixed = self._network, self._fixed()
        if fixed:
            network = _of_one_size(network, min(fixed), layout)
        return Upscaler(network, layout.scale, layout.radius, BYTES_PER_PIXEL, layout.multiple)

    def upscale(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to uint8 [scale h, scale w, 3]."""
        return upscale(self.upscaler(), image)[0]

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to float32 [scale h, scale w, 3] in 0..1."""
        return upscale(self.upscaler(), image, rounded=False)[0]

    def _run(self, values: np.ndarray) -> np.ndarray:
        (name,) = (port.name for port in self._session.get_inputs())
        return self._session.run(None, {name: values})[0]

    def _fixed(self) -> tuple[int, int] | None:
        """Return height and width of the only input that the file takes, if it takes one only."""
        shape = self._port.shape
        height, width = shape[1:3] if self.layout.axes == "NHWC" else shape[2:]
        return (height, width) if height and width else None

    def _network(self, images: np.ndarray) -> np.ndarray:
        """Map float32 [N, h, w, 3] in 0..1 to SR, one image at a time: N may be fixed to 1."""
        return np.concatenate([self._one(images[i : i + 1]) for i in range(len(images))])

    def _one(self, image: np.ndarray) -> np.ndarray:
        layout = self.layout
        _, height, width, _ = image.shape
        fixed = self._fixed() or (0, 0)
        sides = [
            side or -(-length // layout.multiple) * layout.multiple
            for side, length in zip(fixed, (height, width), strict=True)
        ]
        rest = [(0, side - length) for side, length in zip(sides, (height, width), strict=True)]
        values = np.pad(image, ((0, 0), *rest, (0, 0)), "edge")
        if layout.colours == "BGR":
            values = values[..., ::-1]
        values = to_range(values, layout.input_range, self._port.dtype)
        if layout.axes == "NCHW":
            values = values.transpose(0, 3, 1, 2)
        try:
            sr = self._run(np.ascontiguousarray(values))
        except Exception as error:  # its classes have no common base
            reason = " ".join(str(error).split())[:200]
            if "alloc" in reason:  # then tiles become smaller
                raise MemoryError(reason) from None
            raise UsageError(
                f"{self.path} cannot upscale {width} x {height} px: {reason}"
            ) from None
        sr = sr if layout.axes == "NHWC" else sr.transpose(0, 2, 3, 1)
        sr = sr[:, : layout.scale * height, : layout.scale * width]
        sr = from_range(sr, layout.output_range)
        return sr[..., ::-1] if layout.colours == "BGR" else sr


def _port(path: Path, session: Any) -> Port:  # noqa: ANN401
    """Return the only input.

    Raises:
        UsageError: there are others, or it takes no images.
    """
    ports = session.get_inputs()
    if len(ports) != 1 or len(ports[0].shape) != 4 or ports[0].type not in TYPES:
        found = "; ".join(f"{port.name}: {port.type} {port.shape}" for port in ports)
        raise UsageError(f"{path} takes no batch of images alone, but {found}: give another model")
    shape = tuple(side if isinstance(side, int) and side > 0 else None for side in ports[0].shape)
    if shape[0] not in (None, 1):
        raise UsageError(f"{path} takes {shape[0]} images at once: export it for one, or for any")
    return Port(shape, TYPES[ports[0].type])


def _of_one_size(network: Network, side: int, layout: Layout) -> Network:
    """Return a network that takes any size, in windows of at most `side` LR px."""
    scale, fold = layout.scale, layout.multiple
    halo = min(layout.radius, side // 4) // fold * fold
    tile = max(side - 2 * halo - (fold - 1), 1)  # a window may be longer by a part of a fold
    return tiled(network, scale, halo, tile, fold)
