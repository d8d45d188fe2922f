"""Faults of the light on its way to the sensor: smooth fields over the field of view.

Each is a function of the pixel and of its place (u, v) in the field of view, so a crop of the
spoiled frame equals the spoiled crop. Photographs are RGB in 0..1, as the camera wrote them.

The veil follows the double-pass model: light crosses the cloudy media of the eye to the retina and
back, and what they scatter reaches the sensor too. With retina o, illumination L, transmission T
and the veil's colour A, I = L (T^2 o + (1 - T) A). E. Peli, T. Peli, "Restoration of retinal images
obtained through cataracts", IEEE Transactions on Medical Imaging 8(4), 1989.
"""

import math

import numpy as np

from srgan_keras.config import Clinical
from srgan_keras.data.draws import Draws, Stream

DARK, LIT = 8 / 255, 32 / 255
"""Lit pixels take all of the stray light, dark pixels none. The surround of the field of view lies
behind the camera's own mask and stays black."""

VEIL_COLOURS = ((1, 0.82, 0.4), (1, 0.85, 0.65), (0.95, 0.65, 0.75))  # olive, grey, violet
HALO_COLOURS = ((1, 0.35, 0.02), (1, 0.75, 0.1), (0.7, 0.5, 0.7))  # orange, yellow, violet

WAVES = 32  # enough for a field that looks random

Field = np.ndarray
"""float32 [H, W]."""


def spoil(
    image: np.ndarray, place: tuple[Field, Field], settings: Clinical, draws: Draws
) -> np.ndarray:
    """Apply the faults of the frame in the order in which light meets them.

    Args:
        image: float32 RGB [H, W, 3] in 0..1.
        place: u and v of `Window.coordinates`.
        settings: probabilities and ranges.
        draws: of the photograph.

    Returns:
        float32 [H, W, 3], not clipped.
    """
    gate = _lit(image)
    if stream := draws.of("veil", settings.veil_share):
        image = _veil(image, place, gate, settings, stream)
    if stream := draws.of("falloff", settings.falloff_share):
        image = image * _falloff(place, stream.share(settings.falloff_depth), stream)[..., None]
    if stream := draws.of("shadow", settings.shadow_share):
        image = image * _shadow(place, stream.share(settings.shadow_depth), stream)[..., None]
    if stream := draws.of("sheen", settings.sheen_share):
        image = image * _sheen(place, stream.amount(settings.sheen_depth), stream)[..., None]
    if stream := draws.of("halo", settings.halo_share):
        light = gate * _halo(place, stream.amount(settings.halo_level), stream)
        image = image + light[..., None] * _colour(HALO_COLOURS, stream)
    if stream := draws.of("lashes", settings.lashes_share):
        image = image * _lashes(place, settings, stream)[..., None]
    if stream := draws.of("dust", settings.dust_share):
        image = image * _dust(place, settings, stream)[..., None]
    if stream := draws.of("cast", settings.cast_share):
        image = image * _cast(settings, stream)
    return image


def _lit(image: np.ndarray) -> Field:
    ramp = np.clip((image.max(axis=2) - DARK) / (LIT - DARK), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def _veil(
    image: np.ndarray,
    place: tuple[Field, Field],
    gate: Field,
    settings: Clinical,
    stream: Stream,
) -> np.ndarray:
    """Return T^2 o + (1 - T) A, with 1 - T = depth (floor + (1 - floor) patches)."""
    depth, floor = stream.share(settings.veil_depth), stream.rng.uniform(0, 0.5)
    level = stream.rng.uniform(*settings.veil_level)
    clear = 1.0  # where no patch of the veil lies
    for _ in range(stream.rng.integers(1, 4, endpoint=True)):
        widths = stream.rng.uniform(0.3, 1.0), stream.rng.uniform(0.1, 0.5)
        clear = clear * (1 - _bump(place, stream.point(1.0), widths, stream.angle()))
    opacity = (depth * (floor + (1 - floor) * (1 - clear)))[..., None]
    colour = level * _colour(VEIL_COLOURS, stream)
    return (1 - opacity) ** 2 * image + opacity * gate[..., None] * colour


def _falloff(place: tuple[Field, Field], depth: float, stream: Stream) -> Field:
    """Light lost with the squared distance from a brightest point, `depth` at distance 1.5."""
    x, y = stream.point(0.5)
    squared = (place[0] - x) ** 2 + (place[1] - y) ** 2
    return 1 - depth * np.minimum(squared / 1.5**2, 1)


def _shadow(place: tuple[Field, Field], depth: float, stream: Stream) -> Field:
    """Darkness in a patch, or from one side, as where the iris cuts the beam: a logistic step."""
    patch, angle, start = stream.rng.random() < 0.5, stream.angle(), stream.rng.uniform(0.3, 0.9)
    width = stream.rng.uniform(0.08, 0.3)
    if patch:
        return 1 - depth * _bump(place, stream.point(1.0), (2 * width, width), angle)
    along = math.cos(angle) * place[0] + math.sin(angle) * place[1]
    return 1 - depth / (1 + np.exp(-(along - start) / width))


def _sheen(place: tuple[Field, Field], depth: float, stream: Stream) -> Field:
    """Blotches of deviation `depth`: plane waves of any direction and phase, strongest in a patch.

    Their wavelengths lie between 0.03 and 0.4 of the FOV's radius, spread evenly over octaves.
    """
    number = 2 * math.pi / np.exp(stream.rng.uniform(math.log(0.03), math.log(0.4), WAVES))
    turn, phase = stream.rng.uniform(-math.pi, math.pi, (2, WAVES))
    field = np.zeros_like(place[0])
    waves = np.stack([number * np.cos(turn), number * np.sin(turn), phase], 1).astype(np.float32)
    for across, down, start in waves:
        field += np.cos(across * place[0] + down * place[1] + start)
    widths = stream.rng.uniform(0.4, 1.2), stream.rng.uniform(0.2, 0.8)
    patch = 0.3 + 0.7 * _bump(place, stream.point(1.0), widths, stream.angle())
    return np.maximum(1 + depth * math.sqrt(2 / WAVES) * patch * field, 0.05)


def _halo(place: tuple[Field, Field], level: float, stream: Stream) -> Field:
    """Light that leaks in at the edge: exponential inwards, a von Mises bump around the edge."""
    width, focus = stream.rng.uniform(0.02, 0.2), stream.rng.uniform(0.5, 8)
    radius = np.hypot(*place)
    around = np.exp(focus * (np.cos(np.arctan2(place[1], place[0]) - stream.angle()) - 1))
    return level * np.exp(np.minimum(radius - 1, 0) / width) * around


def _lashes(place: tuple[Field, Field], settings: Clinical, stream: Stream) -> Field:
    """Streaks that fan out towards one side, dark or half as bright: lashes out of focus."""
    gain, side, middle = np.ones_like(place[0]), stream.angle(), stream.rng.uniform(0.6, 1.1)
    for _ in range(stream.rng.integers(3, 10, endpoint=True)):
        turn = side + stream.rng.uniform(-0.6, 0.6)
        widths = stream.rng.uniform(0.15, 0.35), stream.rng.uniform(0.01, 0.04)
        where = middle * math.cos(turn), middle * math.sin(turn)
        depth = stream.share(settings.lashes_depth) * stream.sign()
        gain *= 1 + depth * _bump(place, where, widths, turn)
    return gain


def _dust(place: tuple[Field, Field], settings: Clinical, stream: Stream) -> Field:
    """Specks on the lens, out of focus: Gaussian spots that darken, or brighten half as much."""
    gain = np.ones_like(place[0])
    low, high = settings.dust_count
    for _ in range(stream.rng.integers(low, high, endpoint=True)):
        depth = stream.share(settings.dust_depth) * stream.sign()
        radius = stream.rng.uniform(0.01, 0.05)
        gain *= 1 + depth * _bump(place, stream.point(1.0), (radius, radius), 0.0)
    return gain


def _cast(settings: Clinical, stream: Stream) -> np.ndarray:
    """One gain for all channels, and one for each."""
    exposure = stream.amount(settings.exposure)
    colour = [stream.amount(settings.cast) for _ in range(3)]
    return np.exp(exposure + np.array(colour)).astype(np.float32)


def _bump(
    place: tuple[Field, Field],
    middle: tuple[float, float],
    widths: tuple[float, float],
    turn: float,
) -> Field:
    """Return exp(-d^2 / 2), with d the distance from the middle in widths along two axes."""
    x, y = place[0] - middle[0], place[1] - middle[1]
    along = (math.cos(turn) * x + math.sin(turn) * y) / widths[0]
    across = (math.cos(turn) * y - math.sin(turn) * x) / widths[1]
    return np.exp(-(along**2 + across**2) / 2)


def _colour(colours: tuple[tuple[float, ...], ...], stream: Stream) -> np.ndarray:
    """Mix the colours at random."""
    weights = stream.rng.dirichlet((0.4,) * len(colours))
    return (weights @ np.array(colours)).astype(np.float32)
