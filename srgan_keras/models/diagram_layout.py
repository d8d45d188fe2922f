"""Arranges a model's layer calls for a diagram: boxes in rows, repeated blocks once, lanes."""

import math
from dataclasses import dataclass

import keras

from srgan_keras.models.bicubic import BicubicUpsampling
from srgan_keras.models.graph import Node, nodes
from srgan_keras.models.layers import Affine, CropToScale, PixelShuffle, PixelUnshuffle

MAX_COLUMNS = 26


@dataclass(frozen=True)
class Box:
    """The box of a layer call."""

    label: str
    kind: str
    frozen: bool


Edge = tuple[int, int, tuple[Box, ...]]
"""From, to (indices of boxes), and the boxes on the way there."""


@dataclass(frozen=True)
class Layout:
    """Boxes in order, and what connects them; numbers are indices of boxes."""

    boxes: list[Box]
    edges: set[Edge]
    repeats: list[tuple[int, int, int]]
    """First, last, how often."""


def arrange(model: keras.Model) -> Layout:
    """Return the boxes along a functional model's longest path, and their connections."""
    calls, outputs = nodes(model)
    order = _longest_path(calls, outputs[0])
    place = {call: i for i, call in enumerate(order)}
    edges = set()
    for call in order:
        for source in calls[call].inputs:
            way: list[Box] = []
            while source not in place:
                way.insert(0, _box(calls[source]))
                source = calls[source].inputs[0]
            edges.add((place[source], place[call], tuple(way)))
    boxes = [_box(calls[call]) for call in order] + [Box("output", "input, output", False)]
    edges.add((len(boxes) - 2, len(boxes) - 1, ()))
    return _collapse(Layout(boxes, edges, []))


def _longest_path(calls: list[Node], output: int) -> list[int]:
    """Return the longest path to the output, or all calls where chains beside it branch."""
    length = [0] * len(calls)
    for i, node in enumerate(calls):
        length[i] = 1 + max((length[j] for j in node.inputs), default=0)
    path = [output]
    while calls[path[-1]].inputs:
        path.append(max(calls[path[-1]].inputs, key=length.__getitem__))
    beside = set(range(len(calls))) - set(path)
    if any(len(calls[i].inputs) != 1 for i in beside):
        return list(range(len(calls)))
    return path[::-1]


def _collapse(layout: Layout) -> Layout:
    """Draw repeated boxes once: those with equal labels and equal relative connections."""
    incoming: list[list] = [[] for _ in layout.boxes]
    for first, last, way in layout.edges:
        incoming[last].append((last - first, way))
    marks = [(box, frozenset(ways)) for box, ways in zip(layout.boxes, incoming, strict=True)]
    column = list(range(len(marks)))  # where each box of the whole is drawn
    repeats: list[tuple[int, int, int]] = []
    drawn, i = 0, 0
    while i < len(marks):
        period, count = max(_repetitions(marks, i), key=lambda found: found[0] * (found[1] - 1))
        if any(
            n * (m - 1) > period * (count - 1)
            for j in range(i + 1, i + period)
            for n, m in _repetitions(marks, j)
        ):
            period, count = 1, 1  # a longer one begins within
        for j in range(period * count):
            column[i + j] = drawn + j % period
        if count > 1:
            repeats.append((drawn, drawn + period - 1, count))
        drawn, i = drawn + period, i + period * count
    boxes = [layout.boxes[column.index(c)] for c in range(drawn)]
    edges = {(column[a], column[b], way) for a, b, way in layout.edges if column[a] < column[b]}
    return Layout(boxes, edges, repeats)


def _repetitions(marks: list, start: int) -> list[tuple[int, int]]:
    """Return (period, count) of the repetitions from `start` that save three boxes or more."""
    found = [(1, 1)]
    for period in range(1, (len(marks) - start) // 2 + 1):
        count = 1
        block = marks[start : start + period]
        while marks[start + count * period : start + (count + 1) * period] == block:
            count += 1
        if period * (count - 1) >= 3:
            found.append((period, count))
    return found


def break_rows(layout: Layout) -> list[range]:
    """Return the boxes of each row: about equally many, a repeated block undivided."""
    count = len(layout.boxes)
    length = math.ceil(count / math.ceil(count / MAX_COLUMNS))
    starts = [0]
    while count - starts[-1] > length:
        start = starts[-1] + length
        inside = [a for a, b, _ in layout.repeats if starts[-1] < a < start <= b]
        starts.append(inside[0] if inside else start)
    return [range(a, b) for a, b in zip(starts, [*starts[1:], count], strict=True)]


def row_of(rows: list[range], box: int) -> int:
    """Return the index of the row that a box is in."""
    return next(i for i, row in enumerate(rows) if box in row)


def lanes(layout: Layout, row: range) -> dict[Edge, int]:
    """Give each connection that ends in a row and is no plain step its lane above it."""
    skips = [e for e in layout.edges if e[1] in row and (e[1] - e[0] > 1 or e[2])]
    levels: dict[Edge, int] = {}
    for edge in sorted(skips, key=lambda e: (e[1] - max(e[0], row.start), e[0])):
        start = max(edge[0], row.start)
        below = [v for e, v in levels.items() if e[0] < edge[1] and e[1] > start]
        levels[edge] = 1 + max(below, default=0)
    return levels


def _box(node: Node) -> Box:
    layer = node.layer
    kind, label = "other", type(layer).__name__
    if isinstance(layer, keras.layers.InputLayer):
        kind, label = "input, output", f"input {layer.name}"
    elif isinstance(layer, keras.layers.Conv2D):
        kind = "convolution"
        label = f"Conv k{layer.kernel_size[0]}n{layer.filters}s{layer.strides[0]}"
        label += _activation(layer)
    elif isinstance(layer, keras.layers.Dense):
        kind, label = "dense", f"Dense {layer.units}{_activation(layer)}"
    elif isinstance(layer, keras.layers.BatchNormalization):
        kind, label = "normalisation", "Batch norm"
    elif isinstance(layer, keras.layers.LeakyReLU):
        kind, label = "activation", f"LeakyReLU {layer.negative_slope:g}"
    elif isinstance(layer, keras.layers.ReLU):
        kind = "activation"
    elif isinstance(layer, keras.layers.Add | keras.layers.Concatenate):
        kind = "sum, join"
    elif isinstance(layer, PixelShuffle):
        kind, label = "upsampling", f"PixelShuffle ×{layer.scale}"
    elif isinstance(layer, PixelUnshuffle):
        kind, label = "pooling", f"PixelUnshuffle ÷{layer.scale}"
    elif isinstance(layer, CropToScale):
        label = "Crop"
    elif isinstance(layer, BicubicUpsampling):
        kind, label = "upsampling", f"Bicubic ×{layer.scale}"
    elif isinstance(layer, keras.layers.MaxPooling2D | keras.layers.AveragePooling2D):
        kind, label = "pooling", f"{'Max' if 'Max' in label else 'Mean'} pool s{layer.strides[0]}"
    elif isinstance(layer, keras.layers.GlobalAveragePooling2D | keras.layers.Flatten):
        kind, label = "pooling", label.replace("GlobalAveragePooling2D", "Global mean")
    elif isinstance(layer, Affine):
        kind, label = "fixed scaling", layer.name.replace("_", " ")
    return Box(label, kind, bool(layer.weights) and not layer.trainable)


def _activation(layer: keras.layers.Layer) -> str:
    name = layer.activation.__name__
    return "" if name == "linear" else f" + {name.replace('relu', 'ReLU')}"
