"""Measure photographs one by one: rows, reasons, and what observers learn; it can be sent on."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from srgan_keras.data.photograph import Photograph
from srgan_keras.data.registration import WeakRegistration
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.measure import measure
from srgan_keras.evaluation.observer import Observer, tell
from srgan_keras.evaluation.protocol import Author, Method, Standard
from srgan_keras.evaluation.summarise import Row


@dataclass(frozen=True)
class Measured:
    """The results of a photograph, which JSON can hold.

    Attributes:
        rows: its rows by protocol.
        failed: the reason if it cannot be measured.
        rejected: the reason if its pair cannot be aligned.
    """

    rows: list[list[Row]] = field(default_factory=list)
    failed: str = ""
    rejected: str = ""


@dataclass(frozen=True)
class Bench:
    """Everything that measures a photograph.

    Attributes:
        protocols: each gives rows of its own.
        models: by name.
        observers: are told of each result.
    """

    protocols: Sequence[Standard | Author]
    models: dict[str, Method]
    observers: Sequence[Observer]

    def measure(self, photographs: Sequence[Photograph]) -> Iterator[Measured]:
        """Measure photographs in their order."""
        for photograph in photographs:
            try:
                yield Measured(self._rows(photograph))
            except WeakRegistration as error:
                yield Measured(rejected=str(error))
            except UsageError as error:
                yield Measured(failed=str(error))

    def sent(self, photograph: Photograph) -> dict[str, Any]:
        """Measure one photograph, and add what the observers learned, for `received`."""
        (measured,) = self.measure([photograph])
        return asdict(measured) | {"learned": [each.taken() for each in self.observers]}

    def received(self, found: dict[str, Any]) -> Measured:
        """Let the observers learn what those of another process did."""
        learned = found.pop("learned")
        for observer, facts in zip(self.observers, learned, strict=True):
            if facts is not None:
                observer.learn(facts)
        return Measured(**found)

    def _rows(self, photograph: Photograph) -> list[list[Row]]:
        observers = self.observers
        image = photograph.read()
        tell(observers, "done", "decoding")
        tell(observers, "photograph", photograph, image)
        height, width = image.shape[:2]
        about = {"id": photograph.id, "grade": photograph.grade, "width": width, "height": height}
        rows = []
        for protocol in self.protocols:
            sample = protocol.prepare(photograph, image)
            tell(observers, "done", "LR and regions")
            keys = {"protocol": protocol.name} | about
            rows.append(
                [
                    keys | {"model": name, "region": region} | values
                    for name, region, values in measure(protocol, sample, self.models, observers)
                ]
            )
        return rows
