"""Speed of a pretrained model's `generator.keras` under each backend of Keras.

    python benchmarks/keras_backends.py [MODEL] [--side 256] [--rounds 5] [--json]

Prints megapixels of SR a second in float32 and in mixed bfloat16 for every installed backend, and
the largest difference from TensorFlow's float32 in grey levels. `ratio` is the speed over that of
TensorFlow. Each backend has a process of its
own; they take turns, and the best round counts. A TensorFlow or JAX that sees a GPU uses it.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time

import numpy as np

BACKENDS = ("tensorflow", "jax", "torch")
PRECISIONS = ("float32", "mixed_bfloat16")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", default="fundus-x4", help="default: %(default)s")
    parser.add_argument("--side", type=int, default=256, help="of LR in px, default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Time the backends in turn, and compare their pixels."""
    here = [name for name in BACKENDS if importlib.util.find_spec(name)]
    processes = {name: _start(name, options) for name in here}
    for process in processes.values():
        _ask(process)  # loads and compiles; none may disturb the other's clock
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in here}
    for _ in range(options.rounds):
        for name, process in processes.items():
            seconds[name].append(_ask(process)["seconds"])
    corners = {name: _ask(process, "pixels") for name, process in processes.items()}
    for process in processes.values():
        process.communicate()
    exact = np.array(corners[here[0]]["float32"])
    result: dict[str, dict] = {"mp_per_s": {}, "ratio": {}, "largest_difference": {}}
    for kind in PRECISIONS:
        best = {name: min(found[kind] for found in seconds[name]) for name in here}
        speed = {name: corners[name]["megapixels"] / best[name] for name in here}
        apart = {name: 255 * np.abs(np.array(corners[name][kind]) - exact).max() for name in here}
        result["mp_per_s"][kind] = {name: round(value, 3) for name, value in speed.items()}
        result["ratio"][kind] = {name: round(best[here[0]] / best[name], 2) for name in here[1:]}
        result["largest_difference"][kind] = {k: round(float(v), 4) for k, v in apart.items()}
    return result


def _start(backend: str, options: argparse.Namespace) -> subprocess.Popen:
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    arguments = [options.model, str(options.side)]
    code = "import keras_backends; keras_backends.serve()"
    folder = os.path.dirname(os.path.abspath(__file__))
    environment["PYTHONPATH"] = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ask(process: subprocess.Popen, what: str = "time") -> dict:
    process.stdin.write(what + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def serve() -> None:
    """Answer each line of standard input: `time` or `pixels`."""
    name, side = sys.argv[1], int(sys.argv[2])
    models = {kind: network(name, kind) for kind in PRECISIONS}
    lr = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    for line in sys.stdin:
        found, seconds = {}, {}
        for kind, model in models.items():
            start = time.perf_counter()
            found[kind] = model.predict_on_batch(lr)
            seconds[kind] = time.perf_counter() - start
        if line.strip() == "time":
            print(json.dumps({"seconds": seconds}), flush=True)
            continue
        corners = {kind: sr[0, :64, :64].tolist() for kind, sr in found.items()}
        height, width = found[PRECISIONS[0]].shape[1:3]
        print(json.dumps(corners | {"megapixels": height * width / 1e6}), flush=True)


def network(name: str, precision: str) -> "keras.Model":  # noqa: F821
    """Return a pretrained generator in a precision; nothing here needs TensorFlow."""
    import keras

    import srgan_keras  # noqa: F401
    from srgan_keras.config import Generator
    from srgan_keras.models.generator import build_generator
    from srgan_keras.paths import packaged

    folder = packaged("saved_models") / name
    info = json.loads((folder / "model.json").read_text())
    keras.config.set_dtype_policy(precision)
    mean, std = (tuple(info["normalisation"][key]) for key in ("mean", "std"))
    architecture = Generator.of(info["configuration"]["generator"])
    model = build_generator(architecture, info["scale"], mean, std)
    model.set_weights(keras.models.load_model(folder / "generator.keras").get_weights())
    model.compile()
    return model


if __name__ == "__main__":
    main()
