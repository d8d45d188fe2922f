"""No number that is outside of a setting's range reaches the code that computes with it."""

import dataclasses
import math
import typing

import pytest

from srgan_keras import cli, ranges
from srgan_keras.config import Config
from srgan_keras.configure import load, validate
from srgan_keras.errors import UsageError

WITHOUT_RANGE = {"degradation.scale"}
"""Numbers that are one of a few values."""
NEVER = (math.nan, math.inf, -math.inf, 1e39, -1e39, 10**400)


def numbers(kind, prefix=""):
    """Yield the name and the type of every numeric field, at any depth."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        name, hint = f"{prefix}{field.name}", hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from numbers(hint, f"{name}.")
        elif _leaves(typing.get_type_hints(kind)[field.name]) & {int, float}:
            yield name, hint


def _leaves(hint):
    arguments = typing.get_args(hint)
    return set().union(*map(_leaves, arguments)) if arguments else {hint}


def changed(settings, name, value):
    first, _, rest = name.partition(".")
    if rest:
        value = changed(getattr(settings, first), rest, value)
    return dataclasses.replace(settings, **{first: value})


@pytest.mark.parametrize("options", [Config, *cli.COMMANDS.values()])
def test_every_number_has_a_range(options):
    found = dict(numbers(options))
    bare = {name for name, hint in found.items() if "Range(" not in str(hint)}
    literal = {name for name, hint in found.items() if "Literal" in str(hint)}
    assert bare <= WITHOUT_RANGE | literal


@pytest.mark.parametrize("name", dict(numbers(Config)))
def test_a_training_refuses_what_is_no_number_of_32_bit(name):
    demo = load("demo")
    for value in NEVER:
        value = (value, value) if isinstance(get(demo, name), tuple) else value
        with pytest.raises(UsageError, match=name.rpartition(".")[2]) as error:
            validate(changed(demo, name, value))
        assert "\n" not in str(error.value)


def get(settings, name):
    for part in name.split("."):
        settings = getattr(settings, part)
    return settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--train.seed", "-1"], "train.seed must be 0 or more, not -1"),
        (["train", "--data.hr-long-side", "-5"], "data.hr_long_side must be 0 or more, not -5"),
        (["train", "--train.stage1-learning-rate", "nan"], "stage1_learning_rate must be 0 or"),
        (["train", "--train.stage1-epochs", "inf"], "stage1_epochs must be 0 or more, at most"),
        (["train", "--degradation.clinical.exposure", "0", "9999"], "exposure must be -10 to 10"),
        (["train", "--generator.filters", str(2**31)], "filters must be at most 2147483647"),
        (["upscale", "fundus-x4", "a", "--out", "b", "--memory", "-1"], "memory must be positive"),
        (["upscale", "fundus-x4", "a", "--out", "b", "--blend", "nan"], "blend must be 0 to 1"),
        (["evaluate", "--data", "phantom:3", "--hr-long-side", "-5"], "hr_long_side must be 0"),
        (["evaluate", "--data", "phantom:3", "--clinical.strength", "inf"], "clinical.strength"),
        (["prepare", "photographs", "--out", "b", "--hr-long-side", "-5"], "hr_long_side must be"),
        (["downstream", "segmentation", "--learning-rate", "inf"], "learning_rate must be"),
        (["downstream", "segmentation", "--depth", "0"], "depth must be positive"),
    ],
)
def test_commands_refuse_numbers_outside_of_the_range(arguments, message, capsys):
    assert cli.main(arguments) == 2
    line = capsys.readouterr().err
    assert message in line
    assert "Traceback" not in line


def test_the_limits_themselves_are_allowed():
    assert ranges.check(changed(load("demo"), "train.seed", 2**31 - 1)) is None
    assert ranges.check(changed(load("demo"), "data.hr_long_side", 0)) is None
