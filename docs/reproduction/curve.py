"""Measure the checkpoints of a training by protocol `author`: a CSV file and a plot.

    python docs/reproduction/curve.py runs/author --data data/aptos2019 --every 4540

Each row is one checkpoint: patches seen, their share of the published log, PSNR of SR rounded and
truncated, SSIM, and the agreement of bright pixels. The plot adds a fit, which is an extrapolation
beyond the last checkpoint of stage 1.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import scipy.optimize
import tensorflow as tf
from matplotlib.figure import Figure

from srgan_keras import configure
from srgan_keras.config import Config
from srgan_keras.data import datasets
from srgan_keras.evaluate import evaluate
from srgan_keras.evaluation.protocol import Author
from srgan_keras.export.network import InferenceNetwork
from srgan_keras.export.saved_model import float32_copy
from srgan_keras.inference.upscaler import Upscaler, upscale
from srgan_keras.machine import resolve_precision
from srgan_keras.models.generator import build_generator
from srgan_keras.models.receptive_field import receptive_radius

LOG_PATCHES = 62 * 2928
"""Patches that the published log has seen: epochs times training photographs."""
COLUMNS = ("psnr", "ssim", "bright_precision", "bright_recall", "bright_f1")


class CheckpointModel:
    """The generator of one checkpoint, as a protocol measures it."""

    def __init__(self, path: Path, config: Config, batch_size: int) -> None:
        self.run_step, _, self.stage = path.name.partition("-")
        self.patches = int(self.run_step) * batch_size
        self.name, self.scale = path.name, config.degradation.scale
        self.degradation = config.degradation.name
        g = build_generator(config.generator, self.scale)
        checkpoint = tf.train.Checkpoint(generator=[v.value for v in g.variables])
        checkpoint.read(str(path / "weights")).expect_partial()
        model = float32_copy(g)
        network = InferenceNetwork(model, self.scale)
        half = resolve_precision("auto") == "mixed_bfloat16"
        call = network.bfloat16 if half else network.float32
        self._upscaler = Upscaler(
            lambda images: call(tf.constant(images)).numpy(),
            self.scale,
            receptive_radius(model, self.scale),
            network.bytes_per_pixel,
        )
        self._network, self._last = network, (b"", None)

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        """Upscale uint8 [h, w, 3] to float32 in 0..1; the two roundings share one result."""
        key = image.tobytes()
        if self._last[0] != key:
            self._last = key, upscale(self._upscaler, image, rounded=False)[0]
        return self._last[1]


def measure(run: Path, dataset: str, every: int) -> list[dict[str, object]]:
    """Return a row for bicubic and for each measured checkpoint."""
    config = configure.load("author", run / "config.yaml")
    paths = sorted((run / "checkpoints").glob("[0-9]*-stage[12]"))
    last = {path.name.partition("-")[2]: path for path in paths}.values()
    chosen = [p for p in paths if p in last or int(p.name.partition("-")[0]) % every == 0]
    models = [CheckpointModel(path, config, config.train.batch_size) for path in chosen]
    photographs = datasets.find(dataset)
    with tempfile.TemporaryDirectory() as out:
        protocols = [Author("nearest"), Author("truncate")]
        rounded, truncated = evaluate(models, photographs, protocols, Path(out))["runs"]
    about = {m.name: (m.stage, m.patches) for m in models}
    rows = []
    for name in ("bicubic", *about):
        stage, patches = about.get(name, ("", 0))
        values = {m: rounded["models"][name]["full"][m]["mean"] for m in COLUMNS}
        cut = truncated["models"][name]["full"]["psnr"]["mean"]
        row = {"method": name, "stage": stage, "patches": patches}
        row |= {"share_of_log": round(patches / LOG_PATCHES, 4)}
        rows.append(row | {k: round(v, 4) for k, v in values.items()} | {"psnr_truncated": cut})
    return rows


def fit(patches: np.ndarray, psnr: np.ndarray) -> np.ndarray | None:
    """Fit PSNR = a + b log10(patches); None with fewer than three points."""
    if len(patches) < 3:
        return None
    return scipy.optimize.curve_fit(lambda n, a, b: a + b * np.log10(n), patches, psnr)[0]


def plot(rows: list[dict[str, object]], file: Path) -> str:
    """Draw PSNR over the share of the published log; return the sentence below the plot."""
    points = [row for row in rows if row["stage"] == "stage1"]
    patches = np.array([row["patches"] for row in points], float)
    psnr = np.array([row["psnr"] for row in points])
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(patches / LOG_PATCHES, psnr, "o-", label="stage 1, SR rounded")
    for row in rows:
        if row["stage"] == "stage2":
            axes.plot(row["patches"] / LOG_PATCHES, row["psnr"], "s", label="end of stage 2")
    axes.axhline(rows[0]["psnr"], linestyle="--", color="grey", label="bicubic")
    said = "too few checkpoints for a fit"
    found = fit(patches, psnr)
    if found is not None:
        beyond = np.linspace(patches[0], LOG_PATCHES, 100)
        axes.plot(beyond / LOG_PATCHES, found[0] + found[1] * np.log10(beyond), ":", label="fit")
        end = found[0] + found[1] * np.log10(LOG_PATCHES)
        said = f"extrapolated to the end of the published log: {end:.2f} dB"
    axes.set(xlabel="share of the published log", ylabel="PSNR, dB (protocol author)")
    axes.legend()
    figure.savefig(file, dpi=100)
    return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="run directory")
    parser.add_argument("--data", required=True, metavar="DATASET", help="photographs to measure")
    parser.add_argument("--every", type=int, default=4540, help="steps between measured points")
    parser.add_argument("--out", type=Path, default=Path("runs/curve"), help="folder of results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    measured = measure(options.run, options.data, options.every)
    with (options.out / "author.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, measured[0])
        writer.writeheader()
        writer.writerows(measured)
    for line in measured:
        print(line)
    print(plot(measured, options.out / "author.png"))
