"""Make one checked `Config` from the preset, the configuration file and the options.

Options of the command line (see `cli.py`) go before the configuration file. The file goes before
the preset (`presets/*.yaml`), and the preset before the defaults in `config.py`. A duration is
either `*_epochs` or `*_steps`. If a later source gives one of the two, it replaces the other.
"""

import dataclasses
import difflib
import importlib.resources
import typing
from pathlib import Path
from typing import Any, Literal

import yaml

from srgan_keras import ranges
from srgan_keras.config import PRESETS, Clinical, Config, Degradation, Loss, Train
from srgan_keras.errors import UsageError

IDENTITIES = ("bicubic", "cv2_linear", "area")
"""Degradations that do nothing but reduce."""


def load(preset: str = "demo", file: str | Path | None = None) -> Config:
    """Return the settings of a preset, with those of a YAML file over them.

    Raises:
        UsageError: the preset or the file does not exist, or a key or value is wrong.
    """
    if preset not in PRESETS:
        raise UsageError(f"unknown preset {preset!r}: choose one of {', '.join(PRESETS)}")
    text = importlib.resources.files("srgan_keras").joinpath(f"presets/{preset}.yaml").read_text()
    config = merge(Config(), yaml.safe_load(text), f"preset {preset}")
    if file is not None:
        try:
            values = yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise UsageError(f"cannot read the configuration file {file}: {reason}") from None
        except yaml.YAMLError as error:
            line = " ".join(str(error).split())
            raise UsageError(f"the configuration file {file} is not YAML: {line}") from None
        config = merge(config, values, str(file))
    return config


def merge(config: Config, values: dict[str, Any], where: str) -> Config:
    """Put nested `values` of YAML over a configuration; messages name their source, `where`."""
    if not isinstance(values, dict):
        raise UsageError(f"{where}: expected settings such as 'train: {{batch_size: 16}}'")
    return one_duration(config, _merge(config, values, where, prefix=""), where)


def _merge(target: Any, values: dict[str, Any], where: str, prefix: str) -> Any:  # noqa: ANN401
    hints = typing.get_type_hints(type(target))
    changes = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key not in hints:
            nearest = difflib.get_close_matches(str(key), hints, n=1, cutoff=0)[0]
            raise UsageError(f"{where}: unknown setting {name!r}; nearest is {prefix + nearest!r}")
        current = getattr(target, key)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, dict):
                raise UsageError(f"{where}: {name} is a group of settings, not {value!r}")
            changes[key] = _merge(current, value, where, f"{name}.")
        else:
            changes[key] = _cast(value, hints[key], f"{where}: {name}")
    return dataclasses.replace(target, **changes)


def _cast(value: Any, kind: Any, what: str) -> Any:  # noqa: ANN401
    """Check a YAML value against the type of a field; a float field accepts an int."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if isinstance(value, bool):  # YAML 1.1 reads on and off as booleans
            value = "on" if value else "off"
        if value in arguments:
            return value
        raise UsageError(f"{what}: unknown value {value!r}; use {', '.join(map(str, arguments))}")
    if origin is tuple:
        if isinstance(value, list):
            return tuple(_cast(item, arguments[0], what) for item in value)
        raise UsageError(f"{what}: expected a list, not {value!r}")
    if arguments:  # X | None
        return None if value is None else _cast(value, arguments[0], what)
    if kind is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return float(value)  # YAML 1.1 reads 1e-4 as a string
        except ValueError:
            pass
    if type(value) is not kind:
        raise UsageError(f"{what}: expected {kind.__name__}, not {value!r}")
    return value


def one_duration(before: Config, after: Config, where: str) -> Config:
    """Let a new `*_steps` replace `*_epochs`, and the other way round.

    Raises:
        UsageError: both or neither are given.
    """
    changes: dict[str, Any] = {}
    for stage in ("stage1", "stage2"):
        pair = (f"{stage}_steps", f"{stage}_epochs")
        new = [n for n in pair if getattr(after.train, n) != getattr(before.train, n)]
        given = [n for n in pair if getattr(after.train, n) is not None]
        if len(given) == 2 and len(new) == 1:
            changes[pair[1 - pair.index(new[0])]] = None
        elif len(given) != 1:
            problem = "both" if given else "neither"
            raise UsageError(
                f"{where}: {problem} of train.{pair[0]} and train.{pair[1]} are given: give one"
            )
    return dataclasses.replace(after, train=dataclasses.replace(after.train, **changes))


def validate(config: Config) -> None:
    """Check values and combinations that types cannot.

    Raises:
        UsageError: one is wrong.
    """
    ranges.check(config)
    data, degradation, train = config.data, config.degradation, config.train
    scale = degradation.scale
    if scale not in (1, 2, 4, 8):
        raise UsageError(f"degradation.scale {scale} is not supported: use 1, 2, 4 or 8")
    unshuffle, period = config.generator.unshuffle, scale * config.generator.fold(scale)
    if unshuffle not in (None, 1, 2, 4, 8):
        raise UsageError(f"generator.unshuffle {unshuffle} is not supported: use 1, 2, 4 or 8")
    if data.patch % scale:
        raise UsageError(
            f"data.patch must be a multiple of degradation.scale {scale}, not {data.patch}"
        )
    if data.patch % period:
        raise UsageError(
            f"data.patch must be a multiple of {period}, which is degradation.scale x "
            f"generator.unshuffle, not {data.patch}"
        )
    if config.loss.grid_weight and period == 1:
        raise UsageError(
            "loss.grid_weight needs a network with a PixelShuffle: set it to 0, or "
            "generator.unshuffle to 2 or more"
        )
    if config.discriminator.kind == "dcgan" and data.patch % 64:
        raise UsageError(
            f"discriminator.kind dcgan needs a multiple of 64 as data.patch, not {data.patch}"
        )
    if not any((train.stage1_steps, train.stage1_epochs, train.stage2_steps, train.stage2_epochs)):
        raise UsageError("both stages have 0 steps: give train.stage1_steps or train.stage2_steps")
    validate_clinical(degradation.clinical)
    _validate_loss(config.loss, data.patch)
    _validate_stages(config.loss, train)


def validate_degradation(degradation: Degradation) -> None:
    """Check that a degradation makes LR to learn from; a paired dataset needs none.

    Raises:
        UsageError: it leaves a photograph as it is, or is that of paired datasets.
    """
    if degradation.name == "paired":
        raise UsageError("degradation paired needs a dataset with lr/ and hr/: choose another")
    if degradation.scale == 1 and degradation.name in IDENTITIES:
        raise UsageError(
            f"degradation {degradation.name} at scale 1 leaves a photograph as it is: set "
            "degradation.name to clinical"
        )


def validate_clinical(clinical: Clinical) -> None:
    """Check the faults of degradation clinical.

    Raises:
        UsageError: a value is wrong.
    """
    ranges.check(clinical, "clinical.")
    if not clinical.kernels:
        raise UsageError("clinical.kernels is empty: name at least one, such as bicubic")
    for name, value in dataclasses.asdict(clinical).items():
        if isinstance(value, tuple) and name != "kernels":
            _validate_pair(f"clinical.{name}", value)


def _validate_pair(name: str, limits: tuple[float, ...]) -> None:
    if len(limits) != 2 or limits[0] > limits[1]:
        raise UsageError(f"{name} is a range: give its lowest and its highest value, not {limits}")


def _validate_stages(loss: Loss, train: Train) -> None:
    terms = {
        "stage1": (loss.stage1_pixel_weight, loss.stage1_content_weight),
        "stage2": (loss.stage2_pixel_weight, loss.stage2_content_weight, loss.adversarial_weight),
    }
    for stage, weights in terms.items():
        length = getattr(train, f"{stage}_steps") or getattr(train, f"{stage}_epochs")
        if length and max(weights) <= 0:
            raise UsageError(
                f"stage {stage[-1]} has no loss: give loss.{stage}_pixel_weight a positive value"
            )


def _validate_loss(loss: Loss, patch: int) -> None:
    if loss.feature_jitter > patch // 2:
        raise UsageError(f"loss.feature_jitter must be at most half of data.patch, {patch // 2}")


def plain(config: Config) -> dict[str, Any]:
    """Return a configuration, or a part of one, as YAML's dicts and lists."""
    return dataclasses.asdict(
        config,
        dict_factory=lambda items: {k: list(v) if isinstance(v, tuple) else v for k, v in items},
    )


def to_yaml(config: Config) -> str:
    """Return the whole configuration as YAML that `load(file=...)` reads back."""
    return yaml.safe_dump(plain(config), sort_keys=False)
