"""The geometry and the colours of one procedural eye, in units that do not depend on its size.

All lengths are fractions of the radius of the field of view (FOV). The origin is its centre, x
points right, y down. `Frame` converts them to pixels, on the picture and on finer canvases.
"""

from dataclasses import dataclass

import cv2
import numpy as np

SHIFT = 4  # fractional bits of the coordinates given to OpenCV's drawing functions
CANVAS_PX = 2048  # masks are drawn about this wide and then reduced, which smooths their edges
MAX_OVERSAMPLING = 8
COVERED = 0.5  # least covered share of a pixel that belongs to a mask


@dataclass(frozen=True)
class Eye:
    """The anatomy of an eye and its camera; lengths in FOV radii, colours in 0..255."""

    temporal: int  # +1: the temple is on the right of the picture, -1: on the left
    disc: tuple[float, float]
    disc_axes: tuple[float, float]  # semi-axes, horizontal and vertical
    cup: tuple[float, float, float]  # offset x, y and radius, as fractions of the disc's
    fovea: tuple[float, float]
    clip: float  # half height of the field of view; from 1: the whole disc
    radius: float  # FOV radius as a fraction of the frame's side
    notch: bool  # the orientation mark at the FOV edge
    base: tuple[float, float, float]  # mean colour of the fundus, RGB
    sharpness: float  # 0: soft, 1: sharp
    clarity: float  # contrast of the vessels; 1: clear media
    tortuosity: float  # 1: ordinary vessels

    @property
    def disc_radius(self) -> float:
        """Mean radius of the optic disc, in FOV radii."""
        return sum(self.disc_axes) / 2

    @property
    def disc_to_fovea(self) -> float:
        """Distance between the centres of disc and fovea, in FOV radii."""
        return float(np.hypot(self.fovea[0] - self.disc[0], self.fovea[1] - self.disc[1]))

    def sees(self, x: float, y: float, margin: float) -> bool:
        """Whether a point is in the field of view, at least `margin` FOV radii from its edge."""
        return x * x + y * y < (1 - margin) ** 2 and abs(y) < self.clip - margin


def draw_eye(rng: np.random.Generator) -> Eye:
    """Draw a random eye and its camera."""
    temporal = 1 if rng.random() < 0.5 else -1
    zoom = rng.uniform(0.9, 1.08)
    distance = zoom * rng.uniform(0.78, 0.92)
    disc_x = -temporal * rng.uniform(0.42, 0.78)
    disc_y = rng.normal(-0.04, 0.07)
    radius = zoom * rng.uniform(0.135, 0.165)
    red = float(np.clip(148 * np.exp(rng.normal(0, 0.22)), 92, 200))
    pallor = rng.random() ** 2  # pale and greyish pictures are the rarer ones
    green = red * (rng.uniform(0.40, 0.56) + 0.12 * pallor)
    blue = red * (0.02 + rng.uniform(0.0, 0.10) + 0.26 * pallor)
    return Eye(
        temporal=temporal,
        disc=(disc_x, disc_y),
        disc_axes=(radius * rng.uniform(0.88, 0.98), radius * rng.uniform(1.0, 1.1)),
        cup=(temporal * rng.uniform(0.05, 0.2), rng.normal(0, 0.05), rng.uniform(0.3, 0.62)),
        fovea=(disc_x + temporal * distance, disc_y + distance * rng.uniform(0.03, 0.18)),
        clip=1.1 if rng.random() < 0.4 else rng.uniform(0.74, 0.9),
        radius=rng.uniform(0.475, 0.497),
        notch=rng.random() < 0.6,
        base=(red, green, blue),
        sharpness=rng.random(),
        clarity=rng.uniform(0.75, 1.3),
        tortuosity=rng.uniform(0.7, 1.4),
    )


@dataclass(frozen=True)
class Frame:
    """A square picture of `size` pixels around the field of view, and its finer canvases."""

    size: int
    radius: float  # of the field of view, px

    @property
    def oversampling(self) -> int:
        """Canvas pixels per picture pixel, along one axis."""
        return int(np.clip(CANVAS_PX // self.size, 2, MAX_OVERSAMPLING))

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates x [1, size] and y [size, 1] of the pixels' centres, in FOV radii."""
        axis = ((np.arange(self.size) + 0.5 - self.size / 2) / self.radius).astype(np.float32)
        return axis[None, :], axis[:, None]

    def canvas(self) -> np.ndarray:
        """An empty oversampled canvas, uint8 [side, side]."""
        side = self.size * self.oversampling
        return np.zeros((side, side), np.uint8)

    def points(self, xy: np.ndarray) -> np.ndarray:
        """Points [n, 2] in FOV radii as fixed-point coordinates of the canvas, int32 [n, 2]."""
        scale = self.oversampling
        canvas = (np.asarray(xy) * self.radius + self.size / 2) * scale - 0.5
        return np.round(canvas * (1 << SHIFT)).astype(np.int32)

    def length(self, value: np.ndarray) -> np.ndarray:
        """Lengths in FOV radii as canvas pixels."""
        return value * self.radius * self.oversampling

    def reduce(self, canvas: np.ndarray) -> np.ndarray:
        """Reduce a canvas to the size of the picture: mean over each pixel, float32 in 0..1."""
        small = cv2.resize(canvas, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32) / 255

    def blur(self, field: np.ndarray, sigma: float) -> np.ndarray:
        """Blur with a Gaussian of sigma FOV radii; below a tenth of a pixel, change nothing."""
        pixels = sigma * self.radius
        return field if pixels < 0.1 else cv2.GaussianBlur(field, (0, 0), pixels)

    def window(self, centre: tuple[float, float], reach: float) -> tuple[slice, slice]:
        """Rows and columns of the pixels within `reach` of a point, both in FOV radii."""
        middle = [self.size / 2 + c * self.radius for c in (centre[1], centre[0])]
        ends = [
            np.clip((m - reach * self.radius, m + reach * self.radius + 1), 0, self.size)
            for m in middle
        ]
        return slice(*ends[0].astype(int).tolist()), slice(*ends[1].astype(int).tolist())

    def texture(self, rng: np.random.Generator, cells: tuple[int, ...]) -> np.ndarray:
        """Smooth noise, float32 [size, size]: the sum of unit-variance grids, `cells` on a side.

        A grid finer than the picture is skipped; list the coarse ones first. The noise has its own
        random generator, so that the next numbers of `rng` do not depend on the size.
        """
        own = rng.spawn(1)[0]
        out = np.zeros((self.size, self.size), np.float32)
        for n in cells:
            if n > self.size:
                break
            grid = own.standard_normal((n, n), dtype=np.float32)
            out += cv2.resize(grid, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        return out * np.float32(len(cells) ** -0.5)
