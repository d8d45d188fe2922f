"""`--engine auto`: the fastest engine, tile and batch for a model, by a short measurement.

The result is kept for this machine and model in the file `engines.json` of the user's cache folder.
"""

import hashlib
import json
import logging
import math
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from srgan_keras.errors import UsageError
from srgan_keras.export.formats import ENGINES
from srgan_keras.files import write_json
from srgan_keras.inference.model import Model
from srgan_keras.inference.upscaler import MEMORY, Upscaler
from srgan_keras.machine import machine, usable_cores
from srgan_keras.paths import user_cache

FILE = "engines.json"
LEVELS = 0.5
"""Grey levels that an export may differ from Keras: `auto` does not trade accuracy for speed."""

SIDE = 64
"""Side of the tile by which engines are compared, in LR px."""
LONGEST = 4.0
"""Seconds that one call for the choice of a tile may take; larger tiles are not measured."""

log = logging.getLogger(__name__)


class Choice(NamedTuple):
    """An engine and how to use it.

    Attributes:
        engine: `keras`, or one of `formats.ENGINES`.
        preferred: tile and batch, see `Upscaler`; None: what memory allows.
        rates: megapixels of SR a second, without halos, by engine and by tile x batch.
    """

    engine: str
    preferred: tuple[int, int] | None
    rates: dict[str, float]


def fastest(model: Model, precision: str = "auto") -> Upscaler:
    """Return the model in its fastest engine, with the tile and batch that suit it; log both."""
    known, key = _known(), key_of(model, precision)
    choice, origin = _parsed(known.get(key), model), "measured earlier"
    if choice is None:
        choice, origin = _measure(model, precision), "measured now"
        _keep(known | {key: choice._asdict() | {"model": model.name}})
    tile = "by memory"
    if choice.preferred:
        tile = "{0} x {0} px, batch {1}".format(*choice.preferred)
    rates = ", ".join(f"{name} {rate:.3g}" for name, rate in choice.rates.items())
    log.info("engine %s, tile %s (%s; MP/s: %s)", choice.engine, tile, origin, rates)
    return model.upscaler(precision, choice.engine)._replace(preferred=choice.preferred)


def candidates(model: Model) -> list[str]:
    """Return Keras and the exports of a model that equal it."""
    parity = model.info["parity"]
    near = [e for e in ENGINES if e in parity and parity[e]["max_level_diff"] <= LEVELS]
    return ["keras", *near]


def _measure(model: Model, precision: str) -> Choice:
    """Time one tile in each engine, then tiles and batches in the best."""
    rates: dict[str, float] = {}
    upscalers: dict[str, Upscaler] = {}
    for engine in candidates(model):
        try:
            upscalers[engine] = model.upscaler(precision, engine)
            rates[engine] = rate(upscalers[engine], SIDE, 1)
        except UsageError as error:  # not installed, or another precision is wanted
            log.info("engine %s is left out: %s", engine, error)
    best = max(rates, key=rates.get)
    upscaler = upscalers[best]
    pixels = rates[best] * 1e6 / upscaler.scale**2 * _window(upscaler, SIDE) ** 2 / SIDE**2
    largest = upscaler.tile(MEMORY)
    found: dict[tuple[int, int], float] = {}
    quarter = upscaler.tile(MEMORY // 4)
    for tile, batch in ((largest, 1), (quarter, 1), (quarter, 4)):
        if tile > SIDE and batch * _window(upscaler, tile) ** 2 / pixels <= LONGEST:
            found[tile, batch] = rate(upscaler, tile, batch)
    preferred = max(found, key=found.get) if (largest, 1) in found else None
    rates |= {f"{tile}x{batch}": rate for (tile, batch), rate in found.items()}
    return Choice(best, preferred, {name: round(rate, 4) for name, rate in rates.items()})


def _window(upscaler: Upscaler, tile: int) -> int:
    return math.ceil((tile + 2 * upscaler.radius) / upscaler.fold) * upscaler.fold


def rate(upscaler: Upscaler, tile: int, batch: int) -> float:
    """Return megapixels of SR a second: the best of two calls, after one for preparation."""
    side = _window(upscaler, tile)
    images = np.random.default_rng(0).random((batch, side, side, 3), np.float32)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        upscaler.network(images)
        seconds.append(time.perf_counter() - start)
    return batch * (upscaler.scale * tile) ** 2 / min(seconds[1:]) / 1e6


def key_of(model: Model, precision: str) -> str:
    """Return a hash of whatever the choice depends on."""
    facts: dict[str, Any] = {"precision": precision, "model": model.sha256, "machine": machine()}
    facts |= {"usable": usable_cores(), "engines": candidates(model)}
    for package in ("srgan_keras", "tensorflow", "openvino", "onnxruntime", "onnxruntime-gpu"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _known() -> dict[str, Any]:
    """Return the file's contents; nothing if there is none, or it is damaged."""
    try:
        known = json.loads((user_cache() / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _parsed(entry: Any, model: Model) -> Choice | None:  # noqa: ANN401
    """Return a choice from the file, unless it is none or no longer possible."""
    try:
        preferred = entry["preferred"]
        preferred = preferred and (int(preferred[0]), int(preferred[1]))
        choice = Choice(entry["engine"], preferred, dict(entry["rates"]))
    except (TypeError, KeyError, ValueError, IndexError):
        return None
    return choice if choice.engine in candidates(model) else None


def _keep(known: dict[str, Any]) -> None:
    folder = user_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, known)
    except OSError as error:
        log.info("the measurement is not kept: %s", error)
