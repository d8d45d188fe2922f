"""Draws a built model as the paper's Figures 2 and 3 do, from its graph.

One box a layer call, left to right, labelled as in `k9n64s1` (kernel, filters, stride). Blocks that
repeat are drawn once, with their number. Every other connection runs above the boxes.
"""

from pathlib import Path

import keras
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path as Line

from srgan_keras.models.diagram_layout import (
    Box,
    Edge,
    Layout,
    arrange,
    break_rows,
    lanes,
    row_of,
)

COLOURS = {
    "input, output": "#d9d9d9",
    "convolution": "#a6c8e8",
    "normalisation": "#f7d99c",
    "activation": "#f3b3a6",
    "sum, join": "#ffffff",
    "upsampling": "#b5dcae",
    "pooling": "#c9bfe3",
    "dense": "#9fd6d2",
    "fixed scaling": "#ece7d8",
    "other": "#eeeeee",
}
FROZEN = {"hatch": "//", "edgecolor": "#666666"}
# inches
STEP, BOX_WIDTH, BOX_HEIGHT = 0.46, 0.3, 1.5
LANE, FOOT, TITLE, LEGEND = 0.24, 0.5, 0.5, 0.6
FONT_SIZE = 8  # points


def draw(model: keras.Model, target: Path | Axes, title: str) -> None:
    """Draw a functional model into a picture file, or into axes.

    Args:
        model: a model that it uses as a layer is drawn as its own layers.
        target: the file (its suffix gives the format), or axes, which are emptied.
        title: text above the boxes.
    """
    drawing = _Drawing(arrange(model))
    if isinstance(target, Axes):
        target.clear()
        extent, dpi = target.get_window_extent(), target.get_figure(root=True).dpi
        shrink = min(extent.width / drawing.width, extent.height / drawing.height) / dpi
        drawing.draw(target, title, FONT_SIZE * shrink)
        return
    figure = Figure(figsize=(drawing.width, drawing.height), dpi=150)
    drawing.draw(figure.add_axes((0, 0, 1, 1)), title, FONT_SIZE)
    figure.savefig(target, facecolor="white")


class _Drawing:
    """Positions in inches, y upwards from 0 at the bottom, and the pen."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.rows = break_rows(layout)
        self.lanes = [lanes(layout, row) for row in self.rows]
        self.width = max(STEP * (max(map(len, self.rows)) + 1), 4.5)
        heights = [LANE * (max(lane.values(), default=0) + 1) for lane in self.lanes]
        self.height = TITLE + sum(heights) + len(heights) * (BOX_HEIGHT + FOOT) + LEGEND
        self.tops: list[float] = []
        y = self.height - TITLE
        for height in heights:
            self.tops.append(y - height)
            y -= height + BOX_HEIGHT + FOOT

    def draw(self, axes: Axes, title: str, font_size: float) -> None:
        self.axes, self.font_size = axes, font_size
        axes.set(xlim=(0, self.width), ylim=(0, self.height), aspect="equal")
        axes.axis("off")
        axes.text(
            self.width / 2, self.height - TITLE / 2, title,
            ha="center", va="center", fontsize=1.3 * font_size,
        )  # fmt: skip
        for repeat in self.layout.repeats:
            self._repeat(*repeat)
        for edge in self.layout.edges:
            self._edge(edge)
        for i, box in enumerate(self.layout.boxes):
            self._box(box, self._x(i), self._top(i) - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT, 90)
        self._legend()

    def _x(self, i: int) -> float:
        return STEP * (i - self.rows[row_of(self.rows, i)].start + 1)

    def _top(self, i: int) -> float:
        return self.tops[row_of(self.rows, i)]

    def _box(
        self, box: Box, x: float, y: float, width: float, height: float, rotation: int
    ) -> None:
        self.axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2), width, height,
                boxstyle="round,pad=0,rounding_size=0.05", linewidth=0.8, zorder=3,
                facecolor=COLOURS[box.kind], **(FROZEN if box.frozen else {"edgecolor": "black"}),
            )
        )  # fmt: skip
        ground = {"facecolor": COLOURS[box.kind], "edgecolor": "none", "pad": 0.5}
        self.axes.text(
            x, y, box.label, ha="center", va="center", rotation=rotation, zorder=4,
            fontsize=self.font_size, bbox=ground if box.frozen else None,
        )  # fmt: skip

    def _repeat(self, first: int, last: int, count: int) -> None:
        left, right = self._x(first) - STEP / 2, self._x(last) + STEP / 2
        bottom = self._top(first) - BOX_HEIGHT
        self.axes.add_patch(
            FancyBboxPatch(
                (left, bottom - 0.3), right - left, BOX_HEIGHT + 0.37,
                boxstyle="round,pad=-0.03,rounding_size=0.08", linewidth=0.8, linestyle="--",
                facecolor="#f6f6f6", edgecolor="#777777", zorder=0,
            )
        )  # fmt: skip
        self.axes.text(
            (left + right) / 2, bottom - 0.15, f"× {count}",
            ha="center", va="center", fontsize=1.3 * self.font_size,
        )  # fmt: skip

    def _edge(self, edge: Edge) -> None:
        """Draw a step to the next box, a lane above the boxes, or a line to a later row."""
        first, last, way = edge
        row, later = row_of(self.rows, first), row_of(self.rows, last)
        start, end = self._x(first), self._x(last)
        middle, bottom = self._top(first) - BOX_HEIGHT / 2, self._top(first) - BOX_HEIGHT
        lane = self.lanes[later].get(edge)
        if lane is None and row == later:
            self._arrow((start + BOX_WIDTH / 2, middle), (end - BOX_WIDTH / 2, middle))
        elif lane is None:
            right, below, left = self.width - 0.1, bottom - 0.42, 0.25
            to = self._top(last) - BOX_HEIGHT / 2
            self._arrow(
                (start + BOX_WIDTH / 2, middle), (right, middle), (right, below), (left, below),
                (left, to), (end - BOX_WIDTH / 2, to),
            )  # fmt: skip
        else:
            y = self._top(last) + LANE * lane
            if row == later:
                start += 0.06
                self._arrow((start, self._top(first)), (start, y), (end - 0.06, y),
                            (end - 0.06, self._top(last)))  # fmt: skip
            else:
                left, below = 0.2 / lane, bottom - 0.42 + 0.3 / (lane + 1)
                self._arrow(
                    (start, bottom), (start, below), (left, below), (left, y),
                    (end - 0.06, y), (end - 0.06, self._top(last)),
                )  # fmt: skip
                start = left
            for i, box in enumerate(way, 1):
                x = start + (end - start) * i / (len(way) + 1)
                self._box(box, x, y, 0.2 + 0.06 * len(box.label), 0.2, 0)

    def _arrow(self, *corners: tuple[float, float]) -> None:
        self.axes.add_patch(
            FancyArrowPatch(
                path=Line(corners), arrowstyle="-|>", mutation_scale=0.8 * self.font_size,
                linewidth=0.9, color="#333333", joinstyle="round", zorder=2,
            )
        )  # fmt: skip

    def _legend(self) -> None:
        shown = [*self.layout.boxes, *(box for edge in self.layout.edges for box in edge[2])]
        kinds = {box.kind for box in shown}
        patches = [
            Patch(facecolor=colour, edgecolor="black", linewidth=0.8, label=kind)
            for kind, colour in COLOURS.items()
            if kind in kinds
        ]
        if any(box.frozen for box in shown):
            patches.append(Patch(facecolor="white", linewidth=0.8, label="frozen", **FROZEN))
        columns = max(1, min(len(patches), int(self.width / 1.12)))
        self.axes.legend(
            handles=patches, ncols=columns, loc="lower center", frameon=False,
            fontsize=self.font_size, borderaxespad=0.2,
        )  # fmt: skip
