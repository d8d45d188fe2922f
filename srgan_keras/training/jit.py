"""Whether XLA makes a training step faster on this machine: `train.jit`."""

import logging
import time
from collections.abc import Callable

import tensorflow as tf

from srgan_keras.config import Train

log = logging.getLogger(__name__)

TIMED_STEPS = 3


def resolve_jit(train: Train, replicas: int, timed: Callable[[bool], Callable[[], None]]) -> bool:
    """Return whether to compile the step with XLA.

    Args:
        train: holds `jit`; `auto` times a few steps of each kind and keeps the faster.
        replicas: with several, XLA is off: it cannot sum their batch statistics.
        timed: for jit False or True returns a function that computes one step, changing nothing.
    """
    if train.jit != "auto" or replicas > 1:
        return train.jit == "on" and replicas == 1
    steps = {jit: timed(jit) for jit in (False, True)}
    seconds = dict.fromkeys(steps, float("inf"))
    try:
        for step in steps.values():
            step()  # traces and compiles
        for _ in range(TIMED_STEPS):
            for jit, step in steps.items():
                start = time.perf_counter()
                step()
                seconds[jit] = min(seconds[jit], time.perf_counter() - start)
    except tf.errors.OpError as error:
        log.warning("XLA does not compile this step (%s): off", str(error).partition("\n")[0])
        return False
    log.info("a step takes %.3f s without XLA, %.3f s with it", seconds[False], seconds[True])
    return seconds[True] < seconds[False]
