"""From measures to one recommendation: leave, restore, upscale or retake, with its reason.

The thresholds come from RIDB's eyes 11 to 20: `python benchmarks/quality/assess.py --thresholds`
prints them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from srgan_keras.assessment.measures import Measures
from srgan_keras.paths import packaged

Action = Literal["leave", "restore", "upscale", "retake"]

LIMITS = {
    "contrast": 0.0702,
    "blur": 0.7124,
    "noise": 0.4942,
    "falloff": 0.6569,
    "shadow": 0.4369,
    "halo": 0.3056,
    "veil": 6.3913,
    "blocks": 5.7805,
}
"""The worst value among the good photographs. Contrast is a fault below it, all others above it."""

RETAKE_CONTRAST = 0.0464
"""Three quarters of the least contrast among all photographs: little of the retina is seen."""

MOST_LOST = 0.25
"""Share of saturated, or of dark, pixels beyond which a photograph is wrongly exposed."""

SMALL = 900
"""px; a smaller field of view is worth upscaling. At 45 degrees it has 20 px a degree."""

WORDS = {
    "contrast": "low contrast",
    "blur": "blur",
    "noise": "noise",
    "falloff": "uneven light",
    "shadow": "a shadow",
    "halo": "light at the edge",
    "veil": "a veil",
    "blocks": "strong compression",
}

MODELS: dict[tuple[Action, bool], tuple[str, ...]] = {
    ("restore", True): ("fundus-restore",),
    ("upscale", True): ("fundus-x4-real", "fundus-x4"),
    ("upscale", False): ("fundus-x4",),
}
"""Pretrained models for an action, by whether the photograph has faults; the first one that is
installed is recommended.
"""


@dataclass(frozen=True)
class Recommendation:
    """One action for a photograph.

    Attributes:
        faults: keys of `LIMITS`, the clearest first.
        action: one of four.
        model: a pretrained model for it; empty where none is needed or installed.
        reason: in words.
    """

    faults: tuple[str, ...]
    action: Action
    model: str
    reason: str


def recommend(found: Measures, models: Path | None = None) -> Recommendation:
    """Recommend one action for a photograph.

    Args:
        found: its measures.
        models: the folder of the pretrained models; None: that of the package.
    """
    if not found.fov:
        return Recommendation((), "retake", "", "no field of view is found")
    beyond = {name: excess(found, name) for name in LIMITS}
    faults = tuple(sorted((n for n in LIMITS if beyond[n] > 0), key=beyond.get, reverse=True))
    for share, word in ((found.saturated, "overexposed"), (found.dark, "underexposed")):
        if share > MOST_LOST:
            reason = f"{word}: {100 * share:.0f} % of the field of view"
            return Recommendation(faults, "retake", "", reason)
    if found.contrast < RETAKE_CONTRAST:
        reason = f"contrast {found.contrast:.3f} is below {RETAKE_CONTRAST}: little is seen"
        return Recommendation(faults, "retake", "", reason)
    why = ", ".join(_said(found, name) for name in faults)
    if found.fov < SMALL:
        small = f"the field of view has {found.fov} px, under {SMALL}"
        return _with_model(faults, "upscale", f"{small}; {why}" if why else small, models)
    if faults:
        return _with_model(faults, "restore", why, models)
    return Recommendation((), "leave", "", "no fault is found")


def excess(found: Measures, name: str) -> float:
    """Return by how much a measure is worse than its limit, as a share of the limit."""
    share = getattr(found, name) / LIMITS[name] - 1
    return -share if name == "contrast" else share


def _said(found: Measures, name: str) -> str:
    side = "below" if name == "contrast" else "above"
    return f"{WORDS[name]} ({getattr(found, name):.3g}, {side} {LIMITS[name]:.3g})"


def _with_model(
    faults: tuple[str, ...], action: Action, reason: str, models: Path | None
) -> Recommendation:
    folder = models or packaged("saved_models")
    known = MODELS[action, bool(faults)]
    installed = [name for name in known if (folder / name / "model.json").is_file()]
    if not installed:
        reason += f"; no model for it is installed ({' or '.join(known)})"
    return Recommendation(faults, action, installed[0] if installed else "", reason)
