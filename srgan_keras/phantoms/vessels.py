"""A retinal vessel tree, grown step by step, and its drawing.

Trunks leave the optic disc: a temporal pair (artery and vein) above and below, which arches around
the fovea, a nasal pair above and below, and a few small vessels. Each has side branches. The
calibres at a junction obey Murray's law, w0^3 = w1^3 + w2^3 (Murray 1926, PNAS 12:207). A tip that
meets a vessel of its own kind ends, so arteries cross only veins. Lengths are in FOV radii.
"""

import heapq
import itertools
import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from srgan_keras.phantoms.eye import COVERED, SHIFT, Eye, Frame

STEP = 0.012  # between two points of a vessel
VEIN_WIDTH, ARTERY_WIDTH = 0.033, 0.025  # of temporal trunks where they leave the disc
THINNEST = 0.0024  # growth ends here: 0.6 px at 512
TERRITORY = 0.055  # side of the squares that a vessel keeps free of vessels of its kind
FIRST_STEPS = 7  # steps in which a branch may cross the squares of its parent
TAPER = 0.25  # relative loss of width per FOV radius
FAR_OUT = 1.03  # tips end here, outside the field of view
CORE = 0.6  # width of the darkest part of a vessel, relative to the whole
REFLEX = 0.28  # width of the light streak along it
REFLEX_FROM = 0.009  # narrower vessels show no streak
THIN_DEPTH, DEEP_WIDTH = 0.22, 0.024  # depth of the thinnest; width from which depth is full
ARTERY_DEPTH = 0.72  # relative to a vein of that width
MARKED_PX = 1.1  # narrower vessels are not in the mask


@dataclass(frozen=True)
class Vessel:
    """One unbranched vessel: points [n, 2] and full widths [n], in FOV radii."""

    points: np.ndarray
    widths: np.ndarray
    artery: bool


@dataclass(order=True)
class _Tip:
    """The start of a vessel that is not grown yet; wide ones grow first."""

    priority: float
    number: int
    x: float = field(compare=False)
    y: float = field(compare=False)
    heading: float = field(compare=False)
    width: float = field(compare=False)
    artery: bool = field(compare=False)
    course: str = field(compare=False)  # 'arcade', 'inner' (to the fovea) or 'outer' (radial)
    up: int = field(compare=False, default=0)  # of an arcade: -1 above the fovea, 1 below
    arch: float = field(compare=False, default=1.0)  # its relative height
    parent: int = field(compare=False, default=-1)
    reach: float = field(compare=False, default=3.0)  # longest length


class _Tree:
    """The growth of the vessels of one eye."""

    def __init__(self, eye: Eye, rng: np.random.Generator) -> None:
        self.eye, self.rng = eye, rng
        self.vessels: list[Vessel] = []
        self.queue: list[_Tip] = []
        self.owner: dict[tuple[bool, int, int], int] = {}
        self.count = 0
        self.free_zone = rng.uniform(0.07, 0.12)  # around the fovea, without vessels

    def push(self, x: float, y: float, heading: float, width: float, **more: object) -> None:
        self.count += 1
        heapq.heappush(self.queue, _Tip(-width, self.count, x, y, heading, width, **more))

    def plant(self) -> None:
        """Start the trunks at the disc."""
        eye, rng = self.eye, self.rng
        calibre = rng.uniform(0.9, 1.12)
        nasal = -eye.temporal
        for up in (-1, 1):
            arch = rng.uniform(0.68, 0.9)
            for artery in (True, False):
                width = calibre * (ARTERY_WIDTH if artery else VEIN_WIDTH) * rng.uniform(0.9, 1.1)
                x = eye.disc[0] + eye.disc_radius * (nasal * rng.uniform(0.05, 0.25))
                y = eye.disc[1] + eye.disc_radius * up * rng.uniform(0.0, 0.15)
                lean = rng.normal(0.15, 0.2)
                heading = math.atan2(up * math.cos(lean), -nasal * math.sin(lean))
                self.push(
                    x,
                    y,
                    heading,
                    width,
                    artery=artery,
                    course="arcade",
                    up=up,
                    arch=arch * rng.uniform(0.88, 1.12),
                )
                lean = rng.uniform(0.5, 1.1)
                heading = math.atan2(up * math.cos(lean), nasal * math.sin(lean))
                self.push(
                    x, y, heading, width * rng.uniform(0.5, 0.72), artery=artery, course="outer"
                )
        for i in range(int(rng.integers(4, 8))):
            side = eye.temporal if i % 3 else nasal
            angle = rng.uniform(-1.2, 1.2)
            dx, dy = side * math.cos(angle), math.sin(angle)
            self.push(
                eye.disc[0] + 0.3 * eye.disc_radius * dx,
                eye.disc[1] + 0.3 * eye.disc_radius * dy,
                math.atan2(dy, dx),
                rng.uniform(0.005, 0.009),
                artery=bool(i % 2),
                course="inner" if side == eye.temporal else "outer",
                reach=rng.uniform(0.3, 0.7),
            )

    def wanted(self, tip: _Tip, x: float, y: float) -> float:
        """Return the heading that the course of the tip requires at (x, y)."""
        eye = self.eye
        if tip.course == "inner":
            return math.atan2(eye.fovea[1] - y, eye.fovea[0] - x)
        if tip.course == "outer":
            pivot = eye.disc[0] + 0.2 * (eye.fovea[0] - eye.disc[0])
            return math.atan2(y - eye.disc[1], x - pivot)
        # along the ellipse around the fovea through the disc, opening towards the temple
        d, height = eye.disc_to_fovea, eye.disc_to_fovea * tip.arch
        dx, dy = (x - eye.fovea[0]) * eye.temporal, y - eye.fovea[1]
        level = math.hypot(dx / d, dy / height)
        aim = 1 + 0.55 * max(0.0, dx / d)
        nx, ny = dx / d**2, dy / height**2
        norm = math.hypot(nx, ny) + 1e-9
        nx, ny = nx / norm, ny / norm
        tx, ty = tip.up * ny, -tip.up * nx
        pull = 2.0 * (aim - level)
        return math.atan2(ty + pull * ny, (tx + pull * nx) * eye.temporal)

    def taken(self, tip: _Tip, x: float, y: float, steps: int) -> bool:
        """Whether another vessel of this kind holds the square at (x, y); if not, take it."""
        key = (tip.artery, int(x // TERRITORY), int(y // TERRITORY))
        holder = self.owner.setdefault(key, tip.number)
        if holder == tip.number or steps < FIRST_STEPS:
            return False
        on_disc = math.hypot(x - self.eye.disc[0], y - self.eye.disc[1]) < self.eye.disc_radius
        return not on_disc

    def branch(self, tip: _Tip, x: float, y: float, heading: float, width: float) -> float:
        """Start a side branch at (x, y) and return the width of the vessel after it."""
        rng, eye = self.rng, self.eye
        ratio = rng.uniform(0.25, 0.95) if rng.random() < 0.6 else rng.uniform(0.15, 0.4)
        onward = width / (1 + ratio**3) ** (1 / 3)
        child = max(onward * ratio, THINNEST * rng.uniform(1.0, 2.2))
        side = 1 if rng.random() < 0.5 else -1
        course = tip.course
        if course == "arcade":
            to_fovea = math.atan2(eye.fovea[1] - y, eye.fovea[0] - x)
            course = "inner" if math.sin(to_fovea - heading) * side > 0 else "outer"
        angle = side * rng.uniform(0.35, 1.0) * (1.35 - 0.5 * ratio)
        self.push(
            x,
            y,
            heading + angle,
            child,
            artery=tip.artery,
            course=course,
            parent=tip.number,
            reach=rng.uniform(10, 28) * child**0.5 * 0.22,
        )
        return onward

    def grow(self, tip: _Tip) -> None:
        """Grow one vessel from its start to its end."""
        rng, eye = self.rng, self.eye
        x, y, heading, width = tip.x, tip.y, tip.heading, tip.width
        points, widths = [(x, y)], [width]
        trunk = tip.parent < 0 and tip.width > 0.01
        gain = {"arcade": 9.0, "inner": 2.2, "outer": 1.6}[tip.course]
        wiggle = eye.tortuosity * (2.5 if width > 0.012 else 5.5)
        bend, since, left = 0.0, 0.0, False
        next_branch = rng.uniform(0.12, 0.22) if trunk else rng.uniform(0.08, 0.2)
        kicks = rng.normal(0, 1, int(tip.reach / STEP) + 2)
        for steps, kick in enumerate(kicks):
            bend = 0.88 * bend + 0.475 * wiggle * kick
            off = (self.wanted(tip, x, y) - heading + math.pi) % (2 * math.pi) - math.pi
            heading += STEP * (bend + gain * off)
            x, y = x + STEP * math.cos(heading), y + STEP * math.sin(heading)
            width *= 1 - TAPER * STEP
            since += STEP
            left = math.hypot(x, y) > FAR_OUT or abs(y) > eye.clip + 0.03
            near = math.hypot(x - eye.fovea[0], y - eye.fovea[1]) < self.free_zone
            if left or near or width < 0.8 * THINNEST or self.taken(tip, x, y, steps):
                break
            points.append((x, y))
            widths.append(width)
            if since > next_branch and width > 1.15 * THINNEST:
                width = self.branch(tip, x, y, heading, width)
                since, next_branch = 0.0, rng.uniform(0.07, 0.2) * (1.2 if trunk else 1.0)
        if len(points) > 7:
            self.finish(points, widths, tip.artery, left)

    def finish(self, points: list, widths: list, artery: bool, left: bool) -> None:
        xy, w = np.array(points, np.float32), np.array(widths, np.float32)
        w[1:-1] = (w[:-2] + w[1:-1] + w[2:]) / 3
        if not left:  # what ends in view narrows towards its tip
            w *= 1 - 0.8 * np.linspace(0, 1, len(w), dtype=np.float32) ** 2
        self.vessels.append(Vessel(xy, w, artery))


def grow_vessels(eye: Eye, rng: np.random.Generator) -> list[Vessel]:
    """Grow the vessel tree of an eye."""
    tree = _Tree(eye, rng)
    tree.plant()
    while tree.queue:
        tree.grow(heapq.heappop(tree.queue))
    return tree.vessels


def grow_tangle(eye: Eye, rng: np.random.Generator) -> list[Vessel]:
    """Grow new vessels on the optic disc (proliferative retinopathy): fine curled loops."""
    loops = []
    for _ in range(int(rng.integers(5, 10))):  # tufts
        angle = rng.uniform(0, 2 * np.pi)
        rim = rng.uniform(0.5, 1.1) * eye.disc_radius
        root = np.array(eye.disc) + rim * np.array([np.cos(angle), np.sin(angle)])
        for _ in range(int(rng.integers(4, 8))):
            n = int(rng.integers(8, 22))
            curl = rng.normal(0, 14) + rng.normal(0, 22, n)
            heading = angle + rng.normal(0, 0.7) + np.cumsum(curl * STEP)
            path = root + np.cumsum(STEP * np.stack([np.cos(heading), np.sin(heading)], 1), 0)
            width = np.full(n, rng.uniform(0.003, 0.006), np.float32)
            loops.append(Vessel(path.astype(np.float32), width, False))
    return loops


def _lines(canvas: np.ndarray, points: np.ndarray, exact: np.ndarray, value: float) -> None:
    """Draw a line of varying width in canvas px; below one pixel it fades instead."""
    thick = np.maximum(1, (exact + 0.5).astype(int))
    cuts = [0, *(np.flatnonzero(thick[1:] != thick[:-1]) + 1).tolist(), len(thick) - 1]
    for a, b in itertools.pairwise(cuts):
        if b > a:
            grey = int(value * min(1.0, float(exact[(a + b) // 2])) + 0.5)
            cv2.polylines(
                canvas, [points[a : b + 1]], False, grey, int(thick[a]), cv2.LINE_8, SHIFT
            )


@dataclass(frozen=True)
class VesselLayers:
    """The vessels in a picture: float32 [size, size] in 0..1, and the mask."""

    depth: np.ndarray  # optical depth
    reflex: np.ndarray  # light streak
    mask: np.ndarray  # bool


def draw_vessels(frame: Frame, vessels: list[Vessel]) -> VesselLayers:
    """Draw the tree, narrow vessels first.

    The mask holds the pixels that vessels cover at least half, and the centre line of each vessel
    that is at least MARKED_PX wide, as an annotator marks them.
    """
    whole, core, reflex, cover = (frame.canvas() for _ in range(4))
    line = np.zeros((frame.size, frame.size), np.uint8)
    for vessel in sorted(vessels, key=lambda v: float(v.widths[0])):
        points, exact = frame.points(vessel.points), frame.length(vessel.widths)
        widest = float(vessel.widths[0])
        strength = 255 * min(1.0, THIN_DEPTH + (1 - THIN_DEPTH) * widest / DEEP_WIDTH)
        strength *= ARTERY_DEPTH if vessel.artery else 1.0
        _lines(whole, points, exact, strength)
        _lines(core, points, CORE * exact, strength)
        _lines(cover, points, exact, 255)
        wide = int((vessel.widths > REFLEX_FROM).sum())  # widths fall along a vessel
        if wide > 1:
            _lines(reflex, points[:wide], REFLEX * exact[:wide], 255 if vessel.artery else 110)
        shown = int((vessel.widths * frame.radius >= MARKED_PX).sum())
        if shown > 1:
            cv2.polylines(
                line, [points[:shown] // frame.oversampling], False, 1, 1, cv2.LINE_8, SHIFT
            )
    depth = 0.55 * frame.reduce(whole) + 0.45 * frame.reduce(core)
    mask = (frame.reduce(cover) >= COVERED) | (line > 0)
    return VesselLayers(depth, frame.reduce(reflex), mask)
