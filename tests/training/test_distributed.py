import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from srgan_keras.training.checkpoint import Checkpoints

ROOT = Path(__file__).parents[2]


def start(kind, out, **environment):
    command = [sys.executable, "-m", "tests.training.replicas", kind, str(out)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def cluster():
    """Return a TF_CONFIG for each of two workers on this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    workers = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    for index in range(2):
        task = {"type": "worker", "index": index}
        yield json.dumps({"cluster": {"worker": workers}, "task": task})


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return what training on one device, two devices and two workers left."""
    folder = tmp_path_factory.mktemp("weights")
    kinds = [("one0", "{}"), ("two0", "{}")]
    kinds += [(f"worker{i}", config) for i, config in enumerate(cluster())]
    running = [start(name[:-1], folder / f"{name}.npz", TF_CONFIG=c) for name, c in kinds]
    for process in running:
        _, stderr = process.communicate(timeout=500)
        assert process.returncode == 0, stderr[-3000:]
    return {file.stem: dict(np.load(file)) for file in folder.glob("*.npz")}


@pytest.mark.parametrize("devices", ["two0", "worker0", "worker1"])
@pytest.mark.parametrize(
    ("case", "bound"),
    [
        *[("stage1 sgd", 1e-4), ("stage2 sgd", 1e-4), ("stage2 adam", 1e-3)],
        ("accumulated sgd", 1e-4),
    ],
)
def test_devices_train_as_one_does_with_the_same_global_batch(weights, devices, case, bound):
    """With batch normalisation in both networks; the bound is on each variable's own movement."""
    one, several = weights["one0"], weights[devices]
    shares = {}
    for key in one:
        if not key.startswith(f"{case} after "):
            continue
        moved = np.abs(one[key] - one[key.replace("after", "before")]).max()
        # of five additions in float32, half a unit in the last place each
        rounding = 5 / 2 * np.spacing(np.abs(one[key]).max())
        shares[key] = (np.abs(one[key] - several[key]).max() - rounding) / moved
    assert len(shares) > 10
    assert max(shares.values()) < bound, max(shares.items(), key=lambda item: item[1])
    np.testing.assert_allclose(several[f"{case} loss"], one[f"{case} loss"], rtol=1e-4)


@pytest.mark.parametrize("devices", ["two0", "worker0", "worker1"])
def test_an_infinite_gradient_on_one_replica_skips_the_step_on_all(weights, devices):
    found = {k.removeprefix("stage1 scaled "): v for k, v in weights[devices].items()}
    assert found["skipped"] == 5
    assert found["scale"] == 256.0 / 2**5
    trained = [k.removeprefix("before ") for k in found if k.startswith("before ")]
    kept = [k for k in trained if "moving" not in k]
    assert len(kept) > 5
    for key in kept:
        np.testing.assert_array_equal(found[f"before {key}"], found[f"after {key}"])


TRAIN = [
    *(
        "--train.strategy",
        "multi_worker",
        "--train.precision",
        "float32",
        "--vgg.weights",
        "random",
    ),
    *("--data", "phantom:6", "--data.hr-long-side", "96", "--data.patch", "32"),
    *("--generator.blocks", "1", "--generator.filters", "4", "--train.batch-size", "4"),
    *("--train.checkpoint-every-steps", "5", "--train.validate-every-steps", "1000000"),
    *("--train.stage2-steps", "0", "--eval.protocols", "standard", "--train.jit", "off"),
]


def test_a_lost_worker_ends_the_others_and_a_restart_goes_on(tmp_path):
    def workers(steps):
        command = [sys.executable, "-m", "srgan_keras.train", *TRAIN, "--workdir", str(tmp_path)]
        return [
            subprocess.Popen(
                [*command, "--train.stage1-steps", str(steps)],
                cwd=ROOT,
                env=os.environ | {"TF_CONFIG": config},
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
            )
            for config in cluster()
        ]

    def newest():
        found = Checkpoints(tmp_path / "checkpoints", keep=3).newest()
        return found.step if found else 0

    chief, other = workers(1_000_000)
    while newest() < 5 and chief.poll() is None and other.poll() is None:
        time.sleep(0.1)
    other.kill()
    other.communicate()
    _, stderr = chief.communicate(timeout=120)
    assert chief.returncode == 1, stderr[-3000:]
    assert "another worker was lost: start the same command on all of them" in stderr
    step = newest()
    assert step >= 5
    for worker in workers(step + 5):
        _, stderr = worker.communicate(timeout=300)
        assert worker.returncode == 0, stderr[-3000:]
        assert f"resumes at step {step} of {step + 5}" in stderr
