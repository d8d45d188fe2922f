"""Where a crop lies in its photograph, and the coordinates that smooth fields are made on."""

from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """A crop of a photograph, in HR px; seven integers, so a tensor can hold many.

    Flips and turns are those that the crop went through, in this order, after it was cut.
    """

    frame_height: int
    frame_width: int
    top: int = 0
    left: int = 0
    flip_x: int = 0
    flip_y: int = 0
    turns: int = 0
    """Quarter turns, counter-clockwise as `numpy.rot90` makes them."""

    def coordinates(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the place of each pixel of the crop in the field of view.

        Args:
            height: of the crop, in HR px, after its turns.
            width: the same.

        Returns:
            u (to the right) and v (downwards), float32 [height, width]. The middle of the frame is
            the origin, half of its long side is 1, which is the edge of a round field of view.
        """
        if self.turns % 2:
            height, width = width, height
        radius = max(self.frame_height, self.frame_width) / 2
        u = (np.arange(width) + self.left + 0.5 - self.frame_width / 2) / radius
        v = (np.arange(height) + self.top + 0.5 - self.frame_height / 2) / radius
        u, v = np.meshgrid(u.astype(np.float32), v.astype(np.float32))
        return self._turned(u), self._turned(v)

    def _turned(self, field: np.ndarray) -> np.ndarray:
        field = field[:, ::-1] if self.flip_x else field
        field = field[::-1] if self.flip_y else field
        return np.ascontiguousarray(np.rot90(field, self.turns))
