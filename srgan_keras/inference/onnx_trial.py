"""Finds out how a network of unknown origin takes and gives images: shapes, then a trial.

The trial upscales a smooth picture under each reading of the ranges. The right one gives SR whose
reduction is that picture.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from srgan_keras.errors import UsageError
from srgan_keras.export.onnx_layout import Axes, Layout, Range

LEAST_PSNR = 20.0
"""dB of the reduced SR of the picture, below which no reading counts."""
EQUAL = 0.5
"""dB within which the reading that comes first counts."""
MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
_SIDE = 64  # px, about, of the picture where the size is free

Run = Callable[[np.ndarray], np.ndarray]
"""The session: an array of its own type, layout and range -> its output."""

_RANGES = {"0..1": (1.0, 0.0), "0..255": (255.0, 0.0), "-1..1": (2.0, -1.0)}


Answer = tuple[float, Range, Range]
"""PSNR in dB, input range, output range."""


class Port(NamedTuple):
    """The only input of a session.

    Attributes:
        shape: of four; a side that is free is None.
        dtype: of its values.
    """

    shape: tuple[int | None, ...]
    dtype: np.dtype


def to_range(images: np.ndarray, name: Range, dtype: np.dtype) -> np.ndarray:
    """Map float32 0..1 to a range and a type; integers are rounded."""
    factor, offset = _RANGES[name]
    values = images * np.float32(factor) + np.float32(offset)
    return (np.rint(values) if dtype.kind in "iu" else values).astype(dtype)


def from_range(images: np.ndarray, name: Range) -> np.ndarray:
    """Map a range to float32 0..1, clipped."""
    factor, offset = _RANGES[name]
    values = (images.astype(np.float32) - np.float32(offset)) / np.float32(factor)
    return np.clip(values, 0, 1)


def find_layout(file: Path, port: Port, run: Run, known: dict[str, Any]) -> Layout:
    """Return the layout of a network.

    Args:
        file: for messages.
        port: its input.
        run: calls it.
        known: fields of `Layout` that are given, and not looked for.

    Raises:
        UsageError: the network takes no RGB images, or no reading fits.
    """
    axes = [axes for axes in _axes(port) if axes == known.get("axes", axes)]
    if not axes:
        raise UsageError(f"{file} takes no RGB images: its input has the shape {_text(port)}")
    order, multiple, scale, answers = _first_that_runs(file, port, run, known, axes)
    best = max(psnr for psnr, *_ in answers)
    told = known.keys() >= {"input_range", "output_range"}  # then SR may be of any quality
    if not told and not best >= LEAST_PSNR:
        raise UsageError(
            f"the ranges of {file} are not recognised (a test picture comes back at {best:.0f} dB "
            f"at best): {_advice(file)}"
        )
    near = (answer for answer in answers if answer[0] >= best - EQUAL)
    _, given, got = next(near, answers[0])
    found = {"axes": order, "input_range": given, "output_range": got, "scale": scale}
    return Layout(**(found | {"multiple": multiple} | known))


def _first_that_runs(
    file: Path, port: Port, run: Run, known: dict[str, Any], axes: Sequence[Axes]
) -> tuple[Axes, int, int, list[Answer]]:
    """Return the first order of axes and the first multiple that work, with the scale."""
    multiples = [known["multiple"]] if "multiple" in known else MULTIPLES
    reason = "its scale is another one"
    for order, multiple in itertools.product(axes, multiples):
        picture = _picture(port, order, multiple)
        try:
            scale, answers = _answers(run, picture, order, port, known)
        except Exception as error:  # its classes have no common base; a shape that it refuses
            reason = " ".join(str(error).split())[:160]
            continue
        if scale == known.get("scale", scale):
            return order, multiple, scale, answers
    raise UsageError(f"{file} gives no RGB images of a whole scale ({reason}): {_advice(file)}")


def _advice(file: Path) -> str:
    return f"describe it in {file.with_suffix('.json')}, see docs/engines.md"


def _axes(port: Port) -> list[Axes]:
    """Return the orders of axes that the shape allows."""
    channels = {"NHWC": port.shape[3], "NCHW": port.shape[1]}
    if {1, 4}.intersection(channels.values()):  # grey, or with transparency
        return []
    sure = [axes for axes, count in channels.items() if count == 3]
    return sure or [axes for axes, count in channels.items() if count is None]


def _text(port: Port) -> str:
    return " x ".join("?" if side is None else str(side) for side in port.shape)


def _picture(port: Port, axes: Axes, multiple: int) -> np.ndarray:
    """Return a smooth picture, float32 [1, h, w, 3] in .1 to .9, of a size that the port takes."""
    height, width = port.shape[1:3] if axes == "NHWC" else port.shape[2:]
    height, width = height or _SIDE + multiple, width or _SIDE + 3 * multiple
    y, x = np.mgrid[:height, :width] / 16.0
    waves = [np.sin(x + y / 2), np.cos(y), np.sin(x / 2 - y) * np.cos(x / 3)]
    means = np.array([0.6, 0.4, 0.3])
    return (means + 0.2 * np.stack(waves, axis=-1)).astype(np.float32)[np.newaxis]


def _answers(
    run: Run, picture: np.ndarray, axes: Axes, port: Port, known: dict[str, Any]
) -> tuple[int, list[Answer]]:
    """Run the picture under each reading; return the scale, and PSNR with input and output range.

    Raises:
        ValueError: SR is no RGB image, or its scale is not whole.
    """
    answers = []
    scale = 0
    integer = port.dtype.kind in "iu"
    for given in _choices(known.get("input_range"), ["0..255"] if integer else get_args(Range)):
        values = to_range(picture, given, port.dtype)
        sr = run(values if axes == "NHWC" else values.transpose(0, 3, 1, 2))
        if sr.ndim != 4:
            raise ValueError(f"output of shape {sr.shape}")
        levels = sr.dtype.kind in "iu"
        sr = sr if axes == "NHWC" else sr.transpose(0, 2, 3, 1)
        scale = sr.shape[1] // picture.shape[1]
        height, width = picture.shape[1:3]
        if not scale or sr.shape != (1, scale * height, scale * width, 3):
            raise ValueError(f"output of shape {sr.shape} for input of shape {picture.shape}")
        order = ["0..255"] if levels else [given, *(x for x in get_args(Range) if x != given)]
        for got in _choices(known.get("output_range"), order):
            answers.append((_psnr(from_range(sr, got), picture, scale), given, got))
    return scale, answers


def _choices(known: Range | None, others: Any) -> Iterator[Range]:  # noqa: ANN401
    yield from [known] if known else others


def _psnr(sr: np.ndarray, picture: np.ndarray, scale: int) -> float:
    """Return dB between the area-reduced SR and the picture, except for its border."""
    _, height, width, _ = picture.shape
    blocks = sr.reshape(height, scale, width, scale, 3).mean(axis=(1, 3))
    edge = min(8, height // 4, width // 4)
    inner = np.s_[edge : height - edge, edge : width - edge]
    error = np.mean((blocks[inner] - picture[0][inner]) ** 2, dtype=np.float64)
    return float(min(-10 * np.log10(error + 1e-12), 60))
