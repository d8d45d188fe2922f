"""How the benchmarks time alternatives: in turn, so that other work on the machine meets all."""

import time
from collections.abc import Callable, Mapping


def best_seconds(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Make each call once a round, and return the seconds of its best round.

    Args:
        calls: by name; those that compile need one round more, which is never the best.
        rounds: one or more.
        clock: `time.process_time` leaves out what other programs take.
    """
    seconds = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            seconds[name] = min(seconds[name], clock() - start)
    return seconds
