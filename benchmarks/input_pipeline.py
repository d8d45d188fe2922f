"""Input pipeline on a CPU: pairs per second on one core, and the wait of a training step for them.

    python benchmarks/input_pipeline.py [--photographs 16] [--rounds 5] [--json]

Phantoms as lossless PNG files of 512 px, pairs of HR 96 px at x4. Prints:

- `pairs_per_s`: the rate of our pipeline, and of one that decodes the file for every crop, as
  public SRGANs do. Both run on one core, interleaved.
- `vs_decoding`: the ratio of the two rates.
- `share_of_step`: the share of stage 1's steps spent waiting for a batch. The preset is `fundus`;
  its stage 1 has shorter steps than its stage 2.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photographs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.photographs)
        pid = os.fork()  # TensorFlow counts its cores once, when it starts
        if pid == 0:
            os.sched_setaffinity(0, {min(cores)})
            result = speed(Path(folder), options.rounds)
            (Path(folder) / "speed.json").write_text(json.dumps(result))
            os._exit(0)
        os.waitpid(pid, 0)
        result = json.loads((Path(folder) / "speed.json").read_text())
        result |= waiting(Path(folder))
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def write(folder: Path, count: int) -> None:
    """Draw the photographs."""
    import cv2

    from srgan_keras.phantoms.phantom import phantom

    for seed in range(count):
        image = phantom(seed, 512).image
        cv2.imwrite(str(folder / f"{seed}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def prepared(folder: Path):  # noqa: ANN201
    """Return the cache and the configuration that both measurements share."""
    from srgan_keras.configure import load
    from srgan_keras.data import cache, datasets

    config = load("fundus")
    data = replace(config.data, source=str(folder), hr_long_side=512, pyramid_levels=1)
    config = replace(config, data=data)
    return cache.build(datasets.find(str(folder)), data, folder / "cache"), config


def speed(folder: Path, rounds: int) -> dict[str, object]:
    """Return pairs a second, the best of the rounds of each."""
    import tensorflow as tf

    from srgan_keras.data.pairs import pairs
    from srgan_keras.machine import machine

    decoded, config = prepared(folder)
    batch, steps = config.train.batch_size, 60

    def ours() -> Iterator:
        return iter(pairs(decoded, config, 0, steps))

    def decoding() -> Iterator:
        files = tf.data.Dataset.list_files(str(folder / "*.png")).repeat()
        return iter(files.map(crop).batch(batch).map(low).prefetch(4).take(steps // 10))

    def crop(file: tf.Tensor) -> tf.Tensor:
        hr = tf.io.decode_png(tf.io.read_file(file), channels=3)
        hr = tf.image.random_crop(hr, (config.data.patch, config.data.patch, 3))
        return tf.image.random_flip_up_down(tf.image.random_flip_left_right(hr))

    def low(hr: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sides = [config.data.patch // config.degradation.scale] * 2
        return tf.image.resize(hr, sides, "bicubic", antialias=True), hr

    best = {"ours": 0.0, "decoding": 0.0}
    for _ in range(rounds):
        for name, make in (("ours", ours), ("decoding", decoding)):
            batches = make()
            next(batches)  # traces
            start = time.perf_counter()
            done = sum(1 for _ in batches)
            best[name] = max(best[name], batch * done / (time.perf_counter() - start))
    return {
        "machine": machine(),
        "pairs_per_s": {name: round(value) for name, value in best.items()},
        "vs_decoding": round(best["ours"] / best["decoding"], 2),
    }


def waiting(folder: Path) -> dict[str, float]:
    """Return the share of stage 1's steps that was spent waiting, on all cores."""
    import keras
    import tensorflow as tf

    from srgan_keras.data.pairs import pairs
    from srgan_keras.machine import resolve_precision
    from srgan_keras.models.generator import build_generator
    from srgan_keras.training.stages import Networks, Stage, build
    from srgan_keras.training.steps import compiled_steps

    decoded, config = prepared(folder)
    precision = resolve_precision(config.train.precision)
    keras.config.set_dtype_policy(precision)
    g = build_generator(config.generator, config.degradation.scale, decoded.mean, decoded.std)
    model = build(Stage("stage1", 0, 100, 1.0), Networks(g, None, None), config, precision)
    steps = compiled_steps(model, tf.distribute.get_strategy(), config.train, jit=False)
    batches = iter(pairs(decoded, config, 0, 110))
    steps(batches, 10)
    start = time.perf_counter()
    outcome = steps(batches, 100)
    return {"share_of_step": round(outcome.waited / (time.perf_counter() - start), 4)}


if __name__ == "__main__":
    main()
