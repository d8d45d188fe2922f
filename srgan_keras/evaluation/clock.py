"""Where the seconds of a measurement went."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Adds up wall-clock seconds by name.

    Attributes:
        seconds: of all blocks of a name.
        blocks: how many they were.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.blocks: dict[str, int] = defaultdict(int)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start
            self.blocks[name] += 1

    def line(self) -> str:
        """Return all names with their seconds, those of several blocks with the mean of one."""
        return ", ".join(
            f"{name} {seconds:.2f}" + (f" ({n} of {seconds / n:.3f})" if n > 1 else "")
            for (name, seconds), n in zip(self.seconds.items(), self.blocks.values(), strict=True)
        )
