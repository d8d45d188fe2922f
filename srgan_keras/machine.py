"""The machine: its processor, its GPUs, and the number format that suits them."""

import os
import platform
from pathlib import Path

import tensorflow as tf

BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")


def resolve_precision(wanted: str, strategy: str = "default") -> str:
    """Return the Keras dtype policy for a wanted precision, which may be `auto`."""
    if wanted != "auto":
        return wanted
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


def usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, str | int | list[str]]:
    """Describe the machine for `run.json`."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    name = next((s.partition(":")[2].strip() for s in lines if s.startswith("model name")), "")
    return {
        "processor": name or platform.processor(),
        "cores": os.cpu_count() or 0,
        "bfloat16_units": has_bfloat16_units(),
        "gpus": [d.name for d in tf.config.list_physical_devices("GPU")],
        "system": platform.platform(),
    }
