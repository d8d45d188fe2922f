"""How a network in an ONNX file takes and gives images: order of axes, ranges, colours, scale."""

import dataclasses
import json
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from srgan_keras import ranges
from srgan_keras.errors import UsageError
from srgan_keras.ranges import Count, Size

Axes = Literal["NHWC", "NCHW"]
Range = Literal["0..1", "0..255", "-1..1"]
KEY = "srgan_keras"
"""The key of the layout in the metadata of files that `export` writes."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """The facts that a file's shapes and types leave open.

    Attributes:
        axes: order of the axes of input and output.
        input_range: of the input's values.
        output_range: of the output's values.
        colours: order of the channels.
        scale: SR side over LR side.
        multiple: sides of the input, and the places where tiles start, are multiples of it, in LR
            px.
        radius: receptive radius in LR px: how far tiles overlap.
        degradation: name of the degradation that the model was trained to undo.
        name: of the model; empty: the file's.
    """

    axes: Axes
    input_range: Range
    output_range: Range
    scale: Count
    colours: Literal["RGB", "BGR"] = "RGB"
    multiple: Count = 1
    radius: Size = 32
    degradation: str = "unknown"
    name: str = ""


def dump(layout: Layout) -> str:
    """Return the layout as JSON."""
    return json.dumps(dataclasses.asdict(layout))


def given(file: Path, metadata: str = "") -> dict[str, Any]:
    """Return what is said about the layout of an ONNX file, by field.

    Args:
        file: of ONNX. The file of the same name with the suffix .json beside it counts first.
        metadata: JSON from the file's own metadata, which counts second.

    Raises:
        UsageError: a field or a value is unknown.
    """
    side = file.with_suffix(".json")
    known = _parsed(metadata, file) if metadata else {}
    if side.is_file():
        try:
            known |= _parsed(side.read_text(encoding="utf-8"), side)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {side}: {error}") from None
    return known


def _parsed(text: str, source: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{source} has no JSON about the layout: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f'{source} must hold an object of JSON, such as {{"scale": 4}}')
    hints = get_type_hints(Layout)
    for key, value in found.items():
        if key not in hints:
            raise UsageError(f"{source}: unknown field {key!r}: use {', '.join(hints)}")
        choices = get_args(hints[key])
        if choices and value not in choices:
            raise UsageError(f"{source}: {key} must be one of {', '.join(choices)}, not {value!r}")
        if not choices and type(value) is not hints[key]:
            raise UsageError(f"{source}: {key} must be of type {hints[key].__name__}")
    example = {"axes": "NHWC", "input_range": "0..1", "output_range": "0..1", "scale": 1}
    ranges.check(Layout(**(example | found)), f"{source}: ")
    return found
