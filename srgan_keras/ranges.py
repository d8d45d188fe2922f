"""Ranges of numeric settings, declared as the types of their fields: `patch: Count = 96`."""

import dataclasses
import typing
from typing import Annotated, Any

from srgan_keras.errors import UsageError

LARGEST_INT = 2**31 - 1
LARGEST_FLOAT = 3.4e38
"""TensorFlow computes with 32 bit: a larger number is no integer, or infinite."""


@dataclasses.dataclass(frozen=True)
class Range:
    """The values that a setting may have.

    Attributes:
        least: the smallest; with `above`, the largest that is too small.
        most: the largest.
        above: exclude `least`.
        text: the range in words, for the error message.
    """

    text: str
    least: float = -LARGEST_FLOAT
    most: float = LARGEST_FLOAT
    above: bool = False

    def __contains__(self, value: float) -> bool:
        """Tell whether a number is in the range; NaN and infinity are in none."""
        enough = value > self.least if self.above else value >= self.least
        return enough and value <= self.most


Count = Annotated[int, Range("positive", 1, LARGEST_INT)]
Size = Annotated[int, Range("0 or more", 0, LARGEST_INT)]
Amount = Annotated[float, Range("0 or more", 0)]
Positive = Annotated[float, Range("positive", 0, above=True)]
Share = Annotated[float, Range("0 to 1", 0, 1)]
Ratio = Annotated[float, Range("positive and at most 1", 0, 1, above=True)]
Logarithm = Annotated[float, Range("-10 to 10", -10, 10)]
Port = Annotated[int, Range("1 to 65535", 1, 65535)]
Quality = Annotated[int, Range("0 to 100", 0, 100)]
Epochs = Annotated[float, Range("0 or more, at most a million", 0, 1e6)]

_ANY = {
    int: Range("a whole number of at most 31 bit", -LARGEST_INT, LARGEST_INT),
    float: Range("a finite number"),
}
"""The ranges of fields that declare none."""


def check(settings: Any, prefix: str = "") -> None:  # noqa: ANN401
    """Check every number of a dataclass, and of the dataclasses that it holds.

    Args:
        settings: a dataclass whose fields may have the types of this module.
        prefix: of the settings' names in the error message.

    Raises:
        UsageError: a number is NaN, infinite, or outside of its field's range.
    """
    hints = typing.get_type_hints(type(settings), include_extras=True)
    for field in dataclasses.fields(settings):
        name, value = f"{prefix}{field.name}", getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            check(value, f"{name}.")
            continue
        allowed = _declared(hints[field.name])
        for number in value if isinstance(value, tuple) else (value,):
            if type(number) not in _ANY:
                continue
            limits = allowed or _ANY[type(number)]
            if number not in limits:
                large = number > limits.most >= LARGEST_INT
                text = f"at most {limits.most:.10g}" if large else limits.text
                raise UsageError(f"{name} must be {text}, not {number}")


def _declared(hint: Any) -> Range | None:  # noqa: ANN401
    """Return the range in a type such as `Count`, `Count | None` or `tuple[Share, Share]`."""
    if isinstance(hint, Range):
        return hint
    parts = (*getattr(hint, "__metadata__", ()), *typing.get_args(hint))
    return next((found for part in parts if (found := _declared(part))), None)
