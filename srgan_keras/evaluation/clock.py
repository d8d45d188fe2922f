"""The seconds that each part of an evaluation takes."""

import time
from collections import defaultdict

from srgan_keras.evaluation.observer import Observer


class Clock(Observer):
    """Adds up wall-clock seconds by part: each part begins where the one before it ended.

    Attributes:
        seconds: the total by part.
        blocks: how often each part was done.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.blocks: dict[str, int] = defaultdict(int)
        self._last = time.perf_counter()

    def done(self, part: str) -> None:
        """Add the seconds since the last call to `part`."""
        now = time.perf_counter()
        self.seconds[part] += now - self._last
        self.blocks[part] += 1
        self._last = now

    def taken(self) -> list[dict[str, float]]:
        """Return the seconds and the blocks since the last call, and forget them."""
        facts = [dict(self.seconds), dict(self.blocks)]
        self.seconds.clear()
        self.blocks.clear()
        self._last = time.perf_counter()
        return facts

    def learn(self, facts: list[dict[str, float]]) -> None:
        """Add what `taken` of another process returned."""
        for own, other in zip((self.seconds, self.blocks), facts, strict=True):
            for part, value in other.items():
                own[part] += value

    def line(self) -> str:
        """Return all parts with their seconds, repeated ones with the mean of one block."""
        return ", ".join(
            f"{name} {seconds:.2f}" + (f" ({n} of {seconds / n:.3f})" if n > 1 else "")
            for (name, seconds), n in zip(self.seconds.items(), self.blocks.values(), strict=True)
        )
