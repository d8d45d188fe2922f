"""Procedural fundus photographs with known vessels, lesions and grade.

They contain no pixel of a photograph. They serve tests, first trials and the `demo` preset: vessels
and lesions are fine enough that a reduction by 4 loses some of them. A phantom is a function of its
arguments alone; the same seed at another size is the same eye.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from srgan_keras.errors import UsageError
from srgan_keras.phantoms.eye import Eye, Frame, draw_eye
from srgan_keras.phantoms.lesions import draw_lesions, grade_of, paint_lesions
from srgan_keras.phantoms.vessels import VesselLayers, draw_vessels, grow_tangle, grow_vessels

GRADE_COUNTS = (1805, 370, 999, 193, 295)  # APTOS 2019, training photographs of grade 0 to 4
SMALLEST = 16  # px
SHARPEST, SOFTEST = 0.0011, 0.004  # sigma of the optical blur, FOV radii
# by channel, red, green, blue
VESSEL_DEPTH = (0.18, 0.6, 0.42)  # optical depth of a wide vein
REFLEX = (0.10, 0.18, 0.12)  # gain of brightness in a vessel's light streak
BLOOD = (0.6, 0.24, 0.3)  # colour of blood, relative to the fundus


@dataclass(frozen=True)
class Phantom:
    """A procedural photograph and its contents; every array is [size, size].

    `grade` equals `grade_of(counts)`; `counts` are the numbers of lesions in the field of view.
    """

    image: np.ndarray  # uint8 RGB [size, size, 3]
    fov: np.ndarray  # bool, as all masks
    vessels: np.ndarray  # with the new vessels of proliferative retinopathy
    lesions: dict[str, np.ndarray]  # keys 'MA', 'HE', 'EX', 'SE'
    disc: np.ndarray
    grade: int  # 0 to 4
    counts: dict[str, int]


def phantom(seed: int, size: int = 512) -> Phantom:
    """Draw the procedural photograph number `seed` (0 or more), `size` px square (16 or more).

    There are left and right eyes and several cameras. Grades are as frequent as in APTOS 2019.
    """
    if seed < 0 or size < SMALLEST:
        raise UsageError(f"a phantom needs seed >= 0 and size >= {SMALLEST}, not {seed} and {size}")
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(8)]
    eye_rng, vessel_rng, lesion_rng, ground_rng, light_rng, noise_rng, grade_rng, disc_rng = streams
    eye = draw_eye(eye_rng)
    frame = Frame(size, eye.radius * size)
    frequencies = np.array(GRADE_COUNTS) / sum(GRADE_COUNTS)
    lesions, counts = draw_lesions(eye, int(grade_rng.choice(5, p=frequencies)), lesion_rng)
    tree = grow_vessels(eye, vessel_rng)
    if counts["new_vessels"]:
        tree += grow_tangle(eye, lesion_rng)
    vessels = draw_vessels(frame, tree)
    opacity, masks = paint_lesions(frame, lesions)
    light = _illumination(frame, light_rng)
    picture = _fundus(eye, frame, ground_rng) * light
    disc = _disc_distance(eye, frame)
    _paint_disc(picture, disc, eye, frame, light, disc_rng)
    _paint_bright(picture, opacity, eye, light)
    _paint_vessels(picture, vessels, eye)
    _paint_blood(picture, opacity, eye, light)
    shape = _fov(eye, frame)
    image = _photograph(picture, shape, eye, frame, light_rng, noise_rng)
    fov = shape >= 0.5
    return Phantom(
        image,
        fov,
        vessels.mask & fov,
        {k: m & fov for k, m in masks.items()},
        (disc <= 1) & fov,
        grade_of(counts),
        counts,
    )


def _rgb(*values: float) -> np.ndarray:
    """A colour, or a weight per channel, float32 [3, 1, 1]; pictures are [3, size, size]."""
    return np.array(values, np.float32).reshape(3, 1, 1)


def _logistic(t: np.ndarray) -> np.ndarray:
    """The smooth step 1 / (1 + exp(-t))."""
    return 1 / (1 + np.exp(np.clip(-t, -30, 30)))


def _illumination(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """Uneven light, float32 [3, size, size]: tilt, vignetting, patches, a coloured FOV edge."""
    x, y = frame.grid()
    tilt = rng.normal(0, 0.11, 2).tolist()
    square = np.minimum(x * x + y * y, 1.2)
    log = tilt[0] * x + tilt[1] * y - rng.uniform(0.05, 0.45) * (square - 0.35)
    log += rng.uniform(0.04, 0.12) * frame.texture(rng, (4, 6))
    angle = rng.uniform(0, 2 * np.pi)
    side = np.clip(x * math.cos(angle) + y * math.sin(angle), 0, 1)
    edge = np.exp(np.minimum(np.sqrt(square) - 1, 0.1) / rng.uniform(0.04, 0.12)) * side
    colour = rng.uniform(0, 1) * np.array([0.25, 0.45, 0.6]) * rng.uniform(0.3, 1.2, 3)
    return np.exp(log + edge * _rgb(*colour))


def _fundus(eye: Eye, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """The retina without vessels and disc, float32 [3, size, size] in 0..255."""
    x, y = frame.grid()
    broad = frame.texture(rng, (8, 12, 18))
    fine = frame.texture(rng, (32, 56, 100, 180, 320, 580))
    ridges = np.abs(np.clip(frame.texture(rng, (18, 30)), -1.5, 1.5))
    fibres = _nerve_fibres(eye, frame, rng)
    away = np.hypot(x - eye.fovea[0], y - eye.fovea[1])
    macula = np.exp(-((away / rng.uniform(0.2, 0.34)) ** 2))
    fovea = np.exp(-((away / rng.uniform(0.05, 0.09)) ** 2))
    patches, grain = rng.uniform(0.02, 0.06), rng.uniform(0.011, 0.035)
    choroid = rng.random() ** 2 * 0.08  # its vessels are bright bands where |noise| is low
    dark, pit = rng.uniform(0.06, 0.26), rng.uniform(0.05, 0.3)
    hue = frame.texture(rng, (3, 5, 9))  # redder here, more yellow there
    log = [patches * shade for shade in (0.8 * broad, broad, broad)]
    weights = (
        (hue, rng.uniform(0.02, 0.1), (0.15, 1.0, 1.4)),
        (fine, grain, (0.7, 1.0, 1.0)),
        (ridges * np.minimum(away, 1), -choroid, (1.0, 1.3, 0.8)),
        (fibres, 0.03 + 0.03 * eye.sharpness, (0.4, 1.0, 1.0)),
        (macula, -dark, (0.8, 1.0, 1.0)),
        (fovea, -pit, (0.7, 1.0, 0.9)),
    )
    for part, amount, colour in weights:
        for plane, share in zip(log, colour, strict=True):
            plane += (amount * share) * part
    return np.exp(np.stack(log)) * _rgb(*eye.base)


def _nerve_fibres(eye: Eye, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """Fine streaks that leave the disc and bend around the fovea, fading with distance."""
    x, y = frame.grid()
    dx, dy = (x - eye.disc[0]) * eye.temporal, y - eye.disc[1]
    away = np.hypot(dx, dy)
    angle = np.arctan2(dy, dx + 0.35 * np.abs(dy) ** 1.5)
    turn = (angle / (2 * np.pi) + 0.5) * 359
    noise = cv2.GaussianBlur(rng.standard_normal((24, 360), dtype=np.float32), (0, 0), 0.7)
    streaks = cv2.remap(noise, turn, away * 8, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    near = np.exp(-((away / 0.55) ** 2)) * np.clip(away / eye.disc_radius - 0.8, 0, 1)
    return near * (2.0 * streaks + 1.2 * np.abs(np.sin(angle)))


def _disc_distance(eye: Eye, frame: Frame) -> np.ndarray:
    """Distance from the disc's centre, 1 at its edge, [size, size]."""
    x, y = frame.grid()
    a, b = eye.disc_axes
    return np.hypot((x - eye.disc[0]) / a, (y - eye.disc[1]) / b)


def _paint_disc(
    picture: np.ndarray,
    disc: np.ndarray,
    eye: Eye,
    frame: Frame,
    light: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Paint the optic disc: pink, paler towards the temple; the cup; often a pale crescent."""
    rows, columns = frame.window(eye.disc, 3 * eye.disc_radius)
    x, y = frame.grid()
    x, y, disc = x[:, columns], y[rows], disc[rows, columns]
    base, radius = _rgb(*eye.base), eye.disc_radius
    across = (x - eye.disc[0]) * eye.temporal / radius  # -1 at the nasal edge, 1 at the temporal
    to_cup = np.hypot(x - eye.disc[0] - eye.cup[0] * radius, y - eye.disc[1] - eye.cup[1] * radius)
    mottle = frame.texture(rng, (24, 40, 70))[rows, columns]
    blurred = rng.uniform(0.02, 0.04) * (1.4 - np.clip(across, -1, 1))  # the nasal edge is softer
    inside = _logistic((1 + 0.012 * mottle - disc) / blurred)
    hollow = _logistic((eye.cup[2] + 0.05 * mottle - to_cup / radius) / rng.uniform(0.04, 0.14))
    rim = np.minimum(base * _rgb(1.48, 1.56, 1.65) + _rgb(18, 8, 8), _rgb(252, 190, 175))
    cup = np.minimum(base * _rgb(1.55, 2.4, 3.2) + _rgb(25, 25, 20), _rgb(255, 240, 205))
    pallor = np.clip(0.1 + 0.14 * across + 0.75 * hollow + 0.03 * mottle, 0, 1)
    colour = (rim + pallor * (cup - rim)) * np.sqrt(light[:, rows, columns])
    crescent = _logistic((1.0 + 0.22 * across - disc) / 0.05) * np.clip(across, 0, 1)
    halo = 0.1 * np.exp(-(((disc - 1) / 0.35) ** 2)) + rng.random() ** 2 * 0.55 * crescent
    part = picture[:, rows, columns]
    part += (0.92 * inside + halo * (1 - inside)) * (colour - part)


def _paint_bright(
    picture: np.ndarray, opacity: dict[str, np.ndarray], eye: Eye, light: np.ndarray
) -> None:
    """Paint soft exudates (whitish) and hard exudates (yellow)."""
    base = _rgb(*eye.base)
    soft = np.minimum(base * _rgb(1.25, 1.75, 2.4) + _rgb(20, 28, 30), _rgb(240, 215, 185))
    hard = np.minimum(base * _rgb(1.4, 2.2, 2.2) + _rgb(35, 40, 12), _rgb(252, 232, 160))
    for kind, colour, most in (("SE", soft, 0.75), ("EX", hard, 0.95)):
        if kind in opacity:
            picture += most * opacity[kind] * (colour * np.sqrt(light) - picture)


def _paint_vessels(picture: np.ndarray, vessels: VesselLayers, eye: Eye) -> None:
    """Darken by the law of Beer and Lambert, then add the light streak on top."""
    picture *= np.exp(vessels.depth * (-eye.clarity * _rgb(*VESSEL_DEPTH)))
    picture *= 1 + vessels.reflex * _rgb(*REFLEX)


def _paint_blood(
    picture: np.ndarray, opacity: dict[str, np.ndarray], eye: Eye, light: np.ndarray
) -> None:
    """Paint haemorrhages and microaneurysms, which hide the retina behind them."""
    for kind in ("HE", "MA"):
        if kind in opacity:
            picture += opacity[kind] * (_rgb(*eye.base) * _rgb(*BLOOD) * light - picture)


def _fov(eye: Eye, frame: Frame) -> np.ndarray:
    """Share of each pixel inside the field of view, float32 [size, size]."""
    x, y = frame.grid()
    edge = np.minimum(1 - np.hypot(x, y), eye.clip - np.abs(y))
    if eye.notch:  # a square peg at 45 degrees, up on the right
        along, across = (x - y) * 0.5**0.5, (x + y) * 0.5**0.5
        peg = np.minimum(np.minimum(1.035 - along, along - 0.9), 0.045 - np.abs(across))
        edge = np.maximum(edge, np.minimum(peg, eye.clip - np.abs(y)))
    return np.clip(edge * frame.radius + 0.5, 0, 1)


def _photograph(
    picture: np.ndarray,
    shape: np.ndarray,
    eye: Eye,
    frame: Frame,
    rng: np.random.Generator,
    noise_rng: np.random.Generator,
) -> np.ndarray:
    """Return the camera's picture, uint8 [size, size, 3]: haze, blur, field of view, noise."""
    x, y = frame.grid()
    if rng.random() < 0.35:  # a reflection from the cornea or the lens
        cx, cy = rng.normal(0, 0.25, 2).tolist()
        spot = np.exp(-(((x - cx) / 0.16) ** 2 + ((y - cy) / 0.11) ** 2))
        picture += spot * (rng.uniform(8, 30) * _rgb(0.7, 1.0, 1.0))
    sigma = SHARPEST + (SOFTEST - SHARPEST) * (1 - eye.sharpness)
    image = frame.blur(cv2.merge(list(picture)), sigma)
    edge = frame.blur(shape, rng.uniform(0.0005, 0.003))
    surround = rng.uniform(0, 6) * rng.uniform(0.5, 1, 3).astype(np.float32)
    # sensor noise, [0.5, 1.4] grey levels; a picture reduced from the sensor's size has less
    sigma = rng.uniform(0.5, 1.4) * min(1.0, frame.size / 512)
    noise = noise_rng.standard_normal(image.shape, dtype=np.float32)
    edge = cv2.merge([edge] * 3)
    image = surround + edge * (image - surround) + (sigma * noise) * (0.3 + 0.7 * edge)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)
