"""Cost of an evaluation: the metrics of one row on one core, and the memory of `evaluate`.

    python benchmarks/evaluation.py [--side 1024] [--rounds 5] [--photographs 30] [--json]

One row is one SR photograph with all metrics of protocol `standard` in its three regions. The
benchmark also times our SSIM of RGB and `tf.image.ssim` on the same pair and core, interleaved.
`parts` are seconds per photograph of `evaluate` without models, three rows. `grows_mb` is the peak
memory that the last 5/6 of the photographs add. Expect `row_s` below 0.3, `vs_tf_ssim` below 1, and
`grows_mb` near 0.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photographs", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before TensorFlow counts its cores
    result = {"side": options.side}
    result |= row(options.side, options.rounds) | whole(options.side, options.photographs)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def row(side: int, rounds: int) -> dict[str, float]:
    """Time the metrics of one row, and SSIM alone in two ways: medians, in seconds."""
    import tensorflow as tf

    from srgan_keras import metrics
    from srgan_keras.evaluation.protocol import Standard
    from srgan_keras.phantoms.phantom import phantom

    standard = Standard(hr_long_side=side)
    sample = standard.sample(phantom(0, side).image)
    sr = standard.baseline("bicubic", sample)
    images = tf.constant(sample.hr), tf.constant(sr)
    work = {
        "row_s": lambda: standard.compare(sample, sr),
        "ssim_s": lambda: metrics.ssim(sample.hr, sr),
        "tf_ssim_s": lambda: tf.image.ssim(*images, 255).numpy(),
    }
    found = [{name: seconds(each) for name, each in work.items()} for _ in range(rounds + 1)]
    # the first round warms up
    medians = {name: statistics.median(times[name] for times in found[1:]) for name in work}
    ratio = medians["ssim_s"] / medians["tf_ssim_s"]
    return {name: round(value, 3) for name, value in medians.items()} | {
        "vs_tf_ssim": round(ratio, 3)
    }


def seconds(work: Callable[[], Any]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def whole(side: int, count: int) -> dict[str, Any]:
    """Evaluate the baselines on phantoms: seconds per photograph by part, and the peak's growth."""
    from srgan_keras.evaluate import evaluate
    from srgan_keras.evaluation.clock import Clock
    from srgan_keras.evaluation.protocol import Standard
    from srgan_keras.report import page as report

    peaks, clock = [], Clock()
    with tempfile.TemporaryDirectory() as scratch:
        photographs = drawn(Path(scratch), side, count)
        for n in (max(1, count // 6), count):
            clock, out = Clock(), Path(scratch) / f"out-{n}"
            evaluate([], photographs[:n], [Standard(hr_long_side=side)], out, observers=[clock])
            report.write(out)
            clock.done("report")
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {
        "parts": {name: round(spent / count, 3) for name, spent in clock.seconds.items()},
        "peak_mb": round(peaks[1]),
        "grows_mb": round(peaks[1] - peaks[0], 1),
    }


def drawn(folder: Path, side: int, count: int) -> list[Any]:
    """Write phantoms as PNG; four different ones are enough."""
    import cv2

    from srgan_keras.data import datasets
    from srgan_keras.phantoms.phantom import phantom

    images = [cv2.cvtColor(phantom(seed, side).image, cv2.COLOR_RGB2BGR) for seed in range(4)]
    for i in range(count):
        cv2.imwrite(str(folder / f"{i}.png"), images[i % len(images)])
    return datasets.find(str(folder))


if __name__ == "__main__":
    main()
