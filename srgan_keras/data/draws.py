"""The random draws of one photograph: one stream of numbers for each fault."""

import math
from dataclasses import dataclass

import numpy as np

_VERSION = 2
_STREAMS = (
    *("clean", "veil", "falloff", "shadow", "halo", "dust", "cast"),
    *("defocus", "motion", "kernel", "noise", "jpeg", "tile", "lashes", "sheen", "scatter"),
)
"""By position, so a new one goes to the end."""


@dataclass(frozen=True)
class Draws:
    """The draws of one photograph, functions of (seed, index) alone.

    Attributes:
        seed: 0 or more, of the run.
        index: 0 or more, of the photograph.
        strength: factor on what `Stream.amount` draws.
    """

    seed: int
    index: int
    strength: float = 1.0

    def generator(self, name: str, *place: int) -> np.random.Generator:
        """Return the random numbers of one fault, or of one place of it."""
        stream = _STREAMS.index(name)
        return np.random.default_rng((self.seed, self.index, _VERSION, stream, *place))

    def of(self, name: str, share: float) -> "Stream | None":
        """Return the stream of a fault that a share of the photographs has, or None."""
        rng = self.generator(name)
        return Stream(rng, self.strength) if rng.random() < share else None


@dataclass(frozen=True)
class Stream:
    """Random numbers of one fault."""

    rng: np.random.Generator
    strength: float

    def amount(self, limits: tuple[float, float]) -> float:
        """Draw evenly from a range, times the strength."""
        return self.strength * self.rng.uniform(*limits)

    def share(self, limits: tuple[float, float]) -> float:
        """Draw an amount, at most 0.95: some light always remains."""
        return min(self.amount(limits), 0.95)

    def point(self, radius: float) -> tuple[float, float]:
        """Draw evenly from a disc about the middle of the field of view."""
        distance, angle = radius * math.sqrt(self.rng.random()), self.angle()
        return distance * math.cos(angle), distance * math.sin(angle)

    def sign(self) -> float:
        """Draw -1, darker, or 0.5, half as much brighter."""
        return -1.0 if self.rng.random() < 0.5 else 0.5

    def angle(self) -> float:
        """Draw a direction in radians."""
        return self.rng.uniform(-np.pi, np.pi)
