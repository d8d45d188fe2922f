"""What depends on the machine: number format and XLA. Each `auto` is resolved once a run."""

import logging
import platform
import time
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from srgan_keras.config import Train

log = logging.getLogger(__name__)

BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")
TIMED_STEPS = 3


def resolve_precision(train: Train, strategy: str) -> str:
    """Return the Keras dtype policy for `train.precision`."""
    if train.precision != "auto":
        return train.precision
    if strategy == "tpu":
        return "mixed_bfloat16"
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability")
        return "mixed_bfloat16" if (capability or (8, 0)) >= (8, 0) else "mixed_float16"
    return "mixed_bfloat16" if has_bfloat16_units() else "float32"


def has_bfloat16_units() -> bool:
    """Tell whether the CPU multiplies bfloat16 in hardware."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = next((s for s in cpuinfo.read_text().splitlines() if s[:5] in ("flags", "Featu")), "")
    return any(flag in flags.split() for flag in BFLOAT16_FLAGS)


def resolve_jit(train: Train, replicas: int, timed: Callable[[bool], Callable[[], None]]) -> bool:
    """Return whether to compile the step with XLA.

    Args:
        train: holds `jit`; `auto` times a few steps of each kind and keeps the faster.
        replicas: XLA is left out where there are several, whose batch statistics it cannot sum.
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


def machine() -> dict[str, str | int | list[str]]:
    """Describe the machine for `run.json`."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    name = next((s.partition(":")[2].strip() for s in lines if s.startswith("model name")), "")
    return {
        "processor": name or platform.processor(),
        "cores": len(lines and [s for s in lines if s.startswith("processor")]),
        "bfloat16_units": has_bfloat16_units(),
        "gpus": [d.name for d in tf.config.list_physical_devices("GPU")],
        "system": platform.platform(),
    }
