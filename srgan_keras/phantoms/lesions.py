"""Lesions of diabetic retinopathy for a procedural eye, and the grade that they give.

Lengths are in FOV radii. Kinds: MA microaneurysms, HE haemorrhages (dot, blot, flame,
preretinal), EX hard exudates, SE soft exudates ("cotton wool").
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from srgan_keras.phantoms.eye import COVERED, SHIFT, Eye, Frame

KINDS = ("MA", "HE", "EX", "SE")
SEVERE_HAEMORRHAGES = 20  # stands for the "4-2-1" rule of the international scale
MARGIN = 0.06  # no lesion is nearer to the FOV edge
BLUR = {"MA": 0.0022, "HE": 0.0038, "EX": 0.0012, "SE": 0.011}  # sigma


@dataclass(frozen=True)
class Lesion:
    """One lesion: outlines (each [n, 2], filled) and opacity, 0..1."""

    kind: str
    outlines: tuple[np.ndarray, ...]
    strength: float


def grade_of(counts: Mapping[str, int]) -> int:
    """Return the grade of diabetic retinopathy, 0 to 4, from the numbers of lesions.

    Keys: MA, HE, EX (clusters), SE, 'preretinal' (haemorrhages) and 'new_vessels' (tangles).
    4: new vessels or a preretinal haemorrhage; 3: at least 20 haemorrhages; 2: more than
    microaneurysms; 1: microaneurysms; 0: none. After Wilkinson et al. 2003, Ophthalmology 110:1677.
    """
    if counts.get("new_vessels", 0) or counts.get("preretinal", 0):
        return 4
    if counts.get("HE", 0) >= SEVERE_HAEMORRHAGES:
        return 3
    if any(counts.get(kind, 0) for kind in ("HE", "EX", "SE")):
        return 2
    return 1 if counts.get("MA", 0) else 0


def _blob(
    rng: np.random.Generator,
    centre: tuple[float, float],
    radius: float,
    stretch: float = 1.0,
    turn: float = 0.0,
    rough: float = 0.18,
) -> np.ndarray:
    """An irregular outline [24, 2] around `centre`, `stretch` times as long as wide."""
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    r = np.ones_like(t)
    for k in range(2, 6):
        r += rng.normal(0, rough / k**0.5) * np.cos(k * t + rng.uniform(0, 2 * np.pi)) * 0.7
    x, y = radius * r * np.cos(t) * stretch**0.5, radius * r * np.sin(t) / stretch**0.5
    c, s = math.cos(turn), math.sin(turn)
    return np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], 1)


def _spot(rng: np.random.Generator, eye: Eye, spread: float = 0.5) -> tuple[float, float]:
    """Draw a place for a lesion: near the posterior pole, off the disc, in the field of view."""
    mx, my = (eye.disc[0] + 2 * eye.fovea[0]) / 3, (eye.disc[1] + 2 * eye.fovea[1]) / 3
    while True:
        x, y = rng.normal(mx, spread), rng.normal(my, spread)
        off_disc = math.hypot(x - eye.disc[0], y - eye.disc[1]) > 1.4 * eye.disc_radius
        if off_disc and eye.sees(x, y, MARGIN):
            return x, y


def _microaneurysm(rng: np.random.Generator, eye: Eye) -> Lesion:
    outline = _blob(rng, _spot(rng, eye), rng.uniform(0.004, 0.009), rough=0.08)
    return Lesion("MA", (outline,), rng.uniform(0.5, 0.85))


def _haemorrhage(rng: np.random.Generator, eye: Eye) -> Lesion:
    """A dot, a blot, or a flame along the nerve fibres."""
    x, y = _spot(rng, eye)
    shape = rng.random()
    if shape < 0.45:
        outlines = (_blob(rng, (x, y), rng.uniform(0.008, 0.018)),)
    elif shape < 0.8:
        size, turn = rng.uniform(0.016, 0.04), rng.uniform(0, np.pi)
        outlines = tuple(
            _blob(
                rng,
                (x + rng.normal(0, size / 2), y + rng.normal(0, size / 2)),
                size * rng.uniform(0.5, 1),
                rng.uniform(1, 1.8),
                turn,
                0.16,
            )
            for _ in range(int(rng.integers(1, 4)))
        )
    else:
        turn = math.atan2(y - eye.disc[1], x - eye.disc[0]) + rng.normal(0, 0.2)
        size = rng.uniform(0.006, 0.014)
        outlines = tuple(
            _blob(
                rng,
                (x + rng.normal(0, size), y + rng.normal(0, size)),
                size * rng.uniform(0.6, 1.1),
                rng.uniform(3, 9),
                turn + rng.normal(0, 0.12),
                0.1,
            )
            for _ in range(int(rng.integers(3, 8)))
        )
    return Lesion("HE", outlines, rng.uniform(0.45, 0.9))


def _preretinal(rng: np.random.Generator, eye: Eye) -> Lesion:
    """A boat-shaped haemorrhage before the retina: nearly level above, round below."""
    x, y = _spot(rng, eye, 0.3)
    w, h = rng.uniform(0.12, 0.3), rng.uniform(0.1, 0.22)
    t = np.linspace(0, 2 * np.pi, 60)
    wave = 1 + rng.uniform(0.03, 0.13) * np.sin(3 * t + rng.uniform(0, 6))
    wave += 0.05 * np.sin(7 * t + rng.uniform(0, 6)) + 0.03 * np.sin(11 * t)
    deep = np.where(np.sin(t) > 0, h, 0.2 * h)
    hull = np.stack([x + w * np.cos(t) * (1 + 0.1 * (wave - 1)), y + deep * np.sin(t) * wave], 1)
    return Lesion("HE", (hull,), 0.96)


def _exudates(rng: np.random.Generator, eye: Eye) -> Lesion:
    """A cluster of hard exudates; one in five is circinate: a ring around a leaking spot."""
    x, y = _spot(rng, eye, 0.33)
    n = int(rng.integers(8, 90))
    if rng.random() < 0.2:
        t, r = rng.uniform(0, 5.2, n) + rng.uniform(0, 6), rng.uniform(0.06, 0.14)
        r = r * rng.normal(1, 0.17, n)
        where = np.stack([x + r * np.cos(t), y + r * np.sin(t)], 1)
    else:
        spread = rng.uniform(0.02, 0.08)
        centres = np.array([x, y]) + rng.normal(0, spread, (1 + n // 8, 2))
        where = centres[rng.integers(0, len(centres), n)] + rng.normal(0, spread / 3, (n, 2))
    outlines = tuple(
        _blob(
            rng,
            (px, py),
            0.0025 + 0.01 * rng.random() ** 3,
            rng.uniform(1, 2.5),
            rng.uniform(0, np.pi),
            0.3,
        )
        for px, py in where.tolist()
        if eye.sees(px, py, MARGIN / 2)
        and math.hypot(px - eye.disc[0], py - eye.disc[1]) > 1.1 * eye.disc_radius
    )
    return Lesion("EX", outlines or (_blob(rng, (x, y), 0.01),), rng.uniform(0.65, 1.0))


def _cotton_wool(rng: np.random.Generator, eye: Eye) -> Lesion:
    x, y = _spot(rng, eye, 0.45)
    size, turn = rng.uniform(0.018, 0.04), rng.uniform(0, np.pi)
    outlines = tuple(
        _blob(
            rng,
            (x + rng.normal(0, size / 2), y + rng.normal(0, size / 2)),
            size * rng.uniform(0.5, 1),
            rng.uniform(1, 1.8),
            turn,
            0.25,
        )
        for _ in range(int(rng.integers(1, 4)))
    )
    return Lesion("SE", outlines, rng.uniform(0.6, 1.0))


def draw_lesions(
    eye: Eye, grade: int, rng: np.random.Generator
) -> tuple[list[Lesion], dict[str, int]]:
    """Draw the lesions of an eye of this grade; return them and their numbers, for `grade_of`."""
    counts = dict.fromkeys((*KINDS, "preretinal", "new_vessels"), 0)
    if grade >= 1:
        counts["MA"] = int(rng.integers(2, 9)) if grade == 1 else int(rng.integers(6, 40))
    if grade >= 2:
        most = SEVERE_HAEMORRHAGES - 1 if grade == 2 else 3 * SEVERE_HAEMORRHAGES
        counts["HE"] = int(rng.integers(1 if grade == 2 else SEVERE_HAEMORRHAGES, most + 1))
        counts["EX"] = int(rng.integers(0, 7))
        counts["SE"] = int(rng.integers(0, 3 if grade == 2 else 7))
    if grade == 4:
        counts["preretinal"] = int(rng.random() < 0.55)
        counts["new_vessels"] = 1 if not counts["preretinal"] else int(rng.random() < 0.4)
    makers = {
        "MA": _microaneurysm,
        "HE": _haemorrhage,
        "EX": _exudates,
        "SE": _cotton_wool,
        "preretinal": _preretinal,
    }
    return [make(rng, eye) for key, make in makers.items() for _ in range(counts[key])], counts


Layers = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


def paint_lesions(frame: Frame, lesions: list[Lesion]) -> Layers:
    """Return opacity (float32 [size, size], 0..1, of the kinds present) and masks (of all kinds).

    A mask holds the pixels that are at least half covered, and the pixel at the centre of each part
    of a lesion. So it contains a microaneurysm that is smaller than a pixel.
    """
    opacity, masks = {}, {}
    for kind in KINDS:
        mask = np.zeros((frame.size, frame.size), bool)
        mine = [lesion for lesion in lesions if lesion.kind == kind]
        if not mine:
            masks[kind] = mask
            continue
        paint, cover = frame.canvas(), frame.canvas()
        for lesion in mine:
            for outline in lesion.outlines:
                points = frame.points(outline)
                cv2.fillPoly(paint, [points], int(255 * lesion.strength), cv2.LINE_8, SHIFT)
                cv2.fillPoly(cover, [points], 255, cv2.LINE_8, SHIFT)
                x, y = (outline.mean(0) * frame.radius + frame.size / 2).astype(int)
                mask[y, x] = True
        opacity[kind] = frame.blur(frame.reduce(paint), BLUR[kind])
        masks[kind] = mask | (frame.reduce(cover) >= COVERED)
    return opacity, masks
