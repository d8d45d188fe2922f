"""Observers of an evaluation: trust maps, the gallery and the clock are such observers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from srgan_keras.data.photograph import Photograph
from srgan_keras.evaluation.protocol import Author, Method, Sample, Standard, Values
from srgan_keras.evaluation.summarise import Row


@dataclass(frozen=True)
class Result:
    """SR of one photograph.

    Attributes:
        protocol: the protocol that made the sample.
        sample: HR, LR and the regions.
        name: the name of the baseline or model.
        sr: uint8 [H, W, 3].
        values: metrics by region; an observer may add to them.
    """

    protocol: Standard | Author
    sample: Sample
    name: str
    sr: np.ndarray
    values: dict[str, Values]


@dataclass(frozen=True)
class Run:
    """All results of one protocol.

    Attributes:
        protocol: the protocol.
        photographs: the measured photographs.
        rows: the rows of per_image.csv; an observer may add to them.
        trust: the entry `trust` of metrics.json, which an observer fills.
    """

    protocol: Standard | Author
    photographs: Sequence[Photograph]
    rows: list[Row]
    trust: dict[str, Any] = field(default_factory=dict)


class Observer:
    """Watches an evaluation. Each method does nothing unless a subclass overrides it.

    A method may return a name for the part of the work that it did, which `done` then receives.
    """

    def start(
        self, protocols: Sequence[Standard | Author], models: dict[str, Method], out: Path
    ) -> str | None:
        """Prepare to watch an evaluation of `models` that writes into the folder `out`."""

    def photograph(self, photograph: Photograph, image: np.ndarray) -> str | None:
        """Receive a photograph before its results: uint8 RGB [H, W, 3]."""

    def measured(self, result: Result) -> str | None:
        """Receive a result."""

    def finish(self, run: Run) -> str | None:
        """Receive all results of a protocol before they are summarised."""

    def done(self, part: str) -> None:
        """Hear that a part of the work is done."""

    def files(self, id_: str) -> list[str]:
        """Name the files, below `out`, that it may write while a photograph is measured."""
        del id_
        return []

    def taken(self) -> Any:  # noqa: ANN401
        """Return what was learned since the last call, as JSON can hold it, and forget it."""

    def learn(self, facts: Any) -> None:  # noqa: ANN401
        """Learn what `taken` of another process returned."""


def tell(observers: Iterable[Observer], event: str, *facts: Any) -> None:  # noqa: ANN401
    """Call the method `event` of each observer in turn."""
    for observer in observers:
        if part := getattr(observer, event)(*facts):
            tell(observers, "done", part)
