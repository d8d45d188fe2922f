"""Kill a training at random moments, restart it, and compare it with an uninterrupted one.

    python benchmarks/kill_resume.py --kills 10

Trains small networks on phantoms twice, with `--train.deterministic` and VGG-19's weights from a
file. One training is uninterrupted; the other is killed (SIGKILL) at random moments, at first in
stage 1 and at last in stage 2. The exit status is 1 if a restart began from zero after a
checkpoint, a weight differs in a bit, or the histories differ in more than times.
"""

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

STAGE1, STAGE2, EVERY = 120, 80, 5
VGG19 = "vgg19.weights.h5"
TIMES = ["images_per_s", "data_wait"]
OPTIONS = [
    *("--data", "phantom:10", "--data.hr-long-side", "96", "--data.patch", "32"),
    *("--generator.blocks", "1", "--generator.filters", "6"),
    *("--discriminator.trunk-layer", "block2_conv1", "--discriminator.frozen-blocks", "1"),
    *("--discriminator.filters", "4", "--discriminator.dense-units", "4"),
    *("--vgg.layer", "block2_conv1", "--eval.protocols", "standard"),
    *("--train.stage1-steps", str(STAGE1), "--train.stage2-steps", str(STAGE2)),
    *("--train.batch-size", "4", "--train.log-every-steps", "15", "--train.jit", "off"),
    *("--train.checkpoint-every-steps", str(EVERY), "--train.validate-every-steps", "30"),
    *("--train.steps-per-call", "5", "--train.ema-decay", "0.9", "--train.deterministic"),
]


def main() -> None:
    """Print what came out, as lines or as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill_resume-"))
    try:
        write_weights(folder / VGG19)
        result = compare(folder, options.kills, options.seed)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(result) if options.json else result)
    if not all(result[key] for key in ("went_on", "same_weights", "same_history")):
        sys.exit(1)


def compare(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Run both; return whether restarts resumed, and whether weights and histories are equal."""
    straight, killed = folder / "straight", folder / "killed"
    start(straight, folder / "straight.log").wait()
    rng = random.Random(seed)
    checkpoints = (STAGE1 + STAGE2) // EVERY
    moments, went_on = [], []
    for number in range(kills + 1):
        before = newest(killed)
        log = folder / f"{number}.log"
        process = start(killed, log)
        if number < kills:
            # it gets on by some of what is left, so that the kills spread over both stages
            most = max(1, 2 * (checkpoints - before // EVERY) // (kills - number + 1) - 1)
            step = before + EVERY * rng.randint(1, most)
            step = min(step, STAGE1 // 2) if number == 0 else step
            step = max(step, STAGE1 + EVERY) if number == kills - 1 else step
            wait_for(killed, process, step)
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
            moments.append(newest(killed))
        process.wait()
        if before not in (0, STAGE1):
            went_on.append(
                f"resumes at step {before - STAGE1 * (before > STAGE1)} " in log.read_text()
            )
    if process.returncode:
        sys.exit(log.read_text())
    return {
        "kills": kills,
        "moments": moments,
        "stages": sorted({1 + (moment > STAGE1) for moment in moments}),
        "restarts_between_stages": kills - len(went_on),
        "went_on": all(went_on),
        "weights_sha256": digest(killed),
        "same_weights": digest(straight) == digest(killed),
        "same_history": history(straight).equals(history(killed)),
    }


def write_weights(file: Path) -> None:
    """Write weights of VGG-19, drawn from a seed that no training here has."""
    import keras

    from srgan_keras.models.vgg19 import build_vgg19

    keras.utils.set_random_seed(7)
    build_vgg19("random")[0].save_weights(file)


def start(workdir: Path, log: Path) -> subprocess.Popen:
    """Start or resume the training."""
    command = [sys.executable, "-m", "srgan_keras.train", *OPTIONS, "--workdir", str(workdir)]
    command += ["--vgg.weights", str(workdir.with_name(VGG19))]
    with log.open("w") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)


def newest(workdir: Path) -> int:
    """Return the run's step of the newest checkpoint."""
    names = [path.name for path in (workdir / "checkpoints").glob("[0-9]*-*")]
    return max((int(name.partition("-")[0]) for name in names), default=0)


def wait_for(workdir: Path, process: subprocess.Popen, step: int) -> None:
    """Return when a checkpoint has reached the step, or the process has ended."""
    while newest(workdir) < step and process.poll() is None:
        time.sleep(0.01)


def digest(workdir: Path) -> str:
    """Return the sha256 of both stages' final networks, optimizers and averages."""
    import tensorflow as tf

    total = hashlib.sha256()
    for step, stage in ((STAGE1, "stage1"), (STAGE1 + STAGE2, "stage2")):
        reader = tf.train.load_checkpoint(
            str(workdir / f"checkpoints/{step:08d}-{stage}" / "weights")
        )
        for name in sorted(reader.get_variable_to_shape_map()):
            if name != "_CHECKPOINTABLE_OBJECT_GRAPH":  # lists the same objects in any order
                total.update(name.encode() + np.asarray(reader.get_tensor(name)).tobytes())
    return total.hexdigest()


def history(workdir: Path) -> pd.DataFrame:
    """Return the history without what depends on the clock."""
    return pd.read_csv(workdir / "history.csv").drop(columns=TIMES)


if __name__ == "__main__":
    main()
