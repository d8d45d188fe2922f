"""Thumbnails of preprocessed photographs with the field of view outlined, and sheets of them."""

from collections.abc import Sequence

import cv2
import numpy as np

from srgan_keras.data.fov import shrink

_CELL, _COLUMNS, _MARGIN = 160, 10, 2
_SURROUND, _OUTLINE = 40, (0, 255, 0)


def thumbnail(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw a thumbnail of a photograph.

    Args:
        image: uint8 RGB [H, W, 3].
        mask: its field of view, bool or uint8 [H, W].

    Returns:
        uint8 RGB [160, 160, 3].
    """
    room = _CELL - 2 * _MARGIN
    factor = room / max(mask.shape)
    height, width = (max(1, round(factor * side)) for side in mask.shape)
    small = cv2.resize(shrink(image, room), (width, height), interpolation=cv2.INTER_LINEAR)
    inside = cv2.resize(mask.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    left, top = (_CELL - width) // 2, (_CELL - height) // 2
    cell = np.full((_CELL, _CELL, 3), _SURROUND, np.uint8)
    cell[top : top + height, left : left + width] = small
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(cell, outlines, -1, _OUTLINE, 1, offset=(left, top))
    return cell


def sheet(groups: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Arrange thumbnails in lines of ten; each group starts a line. Return uint8 RGB [H, W, 3]."""
    empty = np.zeros((_CELL, _CELL, 3), np.uint8)
    lines = []
    for cells in groups:
        for start in range(0, len(cells), _COLUMNS):
            line = list(cells[start : start + _COLUMNS])
            lines.append(np.hstack(line + [empty] * (_COLUMNS - len(line))))
    return np.vstack(lines)
