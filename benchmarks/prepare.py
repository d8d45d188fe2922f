"""`srgan-keras prepare`: speed, memory, large collections, a kill, and the speed of an epoch.

    python benchmarks/prepare.py [--data FOLDER] [--photographs 24] [--counts 1000 10000] [--json]

The photographs are those of FOLDER, or phantoms as PNG files of 2048 px. Prints:

- `vs_bare_loop`: seconds of a bare loop over prepare's, both at 1024 px, median of three rounds.
  The loop decodes and area-resizes the same files with OpenCV, with a thread for each core.
- `peak_gb`: largest resident memory of prepare's process.
- `killed`: a run killed (kill -9) after a third of the files and restarted, against a whole one.
  Says whether the manifests are the same, and how many finished images were made again.
- `epoch`: seconds to decode, crop and scale each original to 1024 px and cut one patch, over those
  of training to cut a patch of each preprocessed photograph. The `first` epoch also decodes them
  into the memory-mapped file (`data/cache.py`); the `later` ones read from it.
- `counts`: milliseconds per file, and `peak_gb`, of collections of that many small files.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from srgan_keras.config import Data
from srgan_keras.data import datasets
from srgan_keras.data.fov import cropped_to_fov
from srgan_keras.data.listing import listing
from srgan_keras.phantoms.phantom import phantom

LONG_SIDE = 1024
ROUNDS = 3
RUN = """
import sys, time
from srgan_keras import cli
from srgan_keras.preparation.prepare import prepare
started = time.perf_counter()
options = ["--hr-long-side", sys.argv[3], "--out", sys.argv[2]]
prepare(cli.parse(cli.PrepareOptions, [sys.argv[1], *options], "prepare"))
print(time.perf_counter() - started)
"""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--photographs", type=int, default=24)
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        source = options.data or photographs(scratch / "originals", options.photographs)
        rounds = []
        for _ in range(ROUNDS):
            shutil.rmtree(scratch / "whole", ignore_errors=True)
            rounds.append((bare_loop(source), *run(source, scratch / "whole")))
        bare, seconds, peak = np.median(rounds, axis=0).tolist()
        result = {
            "photographs": len(listing(source).files),
            "seconds": {"prepare": round(seconds, 2), "bare_loop": round(bare, 2)},
            "vs_bare_loop": round(statistics.median(b / s for b, s, _ in rounds), 2),
            "peak_gb": peak,
            "killed": killed(source, scratch),
            "epoch": epochs(source, scratch / "whole", scratch),
            "counts": {count: many(scratch / str(count), count) for count in options.counts},
        }
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def photographs(folder: Path, count: int) -> Path:
    """Draw phantoms of a camera's size."""
    folder.mkdir()
    for seed in range(count):
        cv2.imwrite(str(folder / f"{seed}.png"), phantom(seed, 2048).image[..., ::-1])
    return folder


def bare_loop(source: Path) -> float:
    """Return the seconds of decoding and resizing alone."""

    def one(path: Path) -> None:
        image = cv2.imread(str(path))
        factor = min(1, LONG_SIDE / max(image.shape))
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)

    files = [file.path for file in listing(source).files]
    for file in files:
        file.read_bytes()  # into the page cache, for both
    cv2.setNumThreads(1)
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, files))
    return time.perf_counter() - started


def start(source: Path, out: Path, long_side: int = LONG_SIDE) -> subprocess.Popen:
    """Begin prepare in a process of its own."""
    command = [sys.executable, "-c", RUN, str(source), str(out), str(long_side)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True)


def run(source: Path, out: Path, long_side: int = LONG_SIDE) -> tuple[float, float]:
    """Return prepare's seconds, and its largest resident memory in GB."""
    process = start(source, out, long_side)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"prepare failed: status {status}")
    return float(text.split()[-1]), round(usage.ru_maxrss / 2**20, 2)


def killed(source: Path, scratch: Path) -> dict[str, object]:
    """Kill prepare after a third of the files, begin it again, compare with the whole run."""
    out = scratch / "killed"
    process = start(source, out)
    images = out / "images"
    while len(list(images.glob("*.png"))) < len(listing(source).files) / 3:
        if process.poll() is not None:
            raise SystemExit("prepare ended before it could be killed: more photographs")
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    journal = (out / "journal.jsonl").read_text().split("\n")[1:-1]
    done = {f"{json.loads(line)[0][1]}.png" for line in journal}
    before = {f.name: f.stat().st_mtime_ns for f in images.glob("*.png") if f.name in done}
    run(source, out)
    after = {f.name: f.stat().st_mtime_ns for f in images.rglob("*.png")}
    manifests = [(folder / "manifest.csv").read_bytes() for folder in (out, scratch / "whole")]
    return {
        "same_manifest": manifests[0] == manifests[1],
        "finished": len(before),
        "made_again": sum(after[name] != moment for name, moment in before.items()),
    }


def epochs(originals: Path, prepared: Path, scratch: Path) -> dict[str, float]:
    """Return the speed-up of an epoch of patches from the preprocessed dataset, by training."""
    from srgan_keras.data.cache import build
    from srgan_keras.data.pairs import hr_patch

    data = Data(hr_long_side=LONG_SIDE, pyramid_levels=1)
    found = datasets.find(str(originals))
    started = time.perf_counter()
    for photograph in found:
        image, mask, _ = cropped_to_fov(photograph.read(), LONG_SIDE)
        image[: data.patch, : data.patch].copy(), mask[: data.patch, : data.patch].mean()
    decoding = time.perf_counter() - started
    started = time.perf_counter()
    cache = build(datasets.find(str(prepared)), data, scratch / "cache")
    built = time.perf_counter() - started
    started = time.perf_counter()
    for example in range(len(cache)):
        hr_patch(cache, data, 0, example)
    cut = time.perf_counter() - started
    return {"first": round(decoding / (built + cut), 2), "later": round(decoding / cut)}


def many(folder: Path, count: int) -> dict[str, float]:
    """Prepare small files, each another smooth picture inside a field of view."""
    disc = cv2.circle(np.zeros((64, 64, 1), np.uint8), (32, 32), 30, 1, -1)
    for number in range(count):
        sub = folder / f"{number // 1000:03d}"
        sub.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(20, 256, (12, 12, 3), np.uint8)
        picture = cv2.resize(noise, (64, 64), interpolation=cv2.INTER_CUBIC) * disc
        cv2.imwrite(str(sub / f"{number}.jpg"), picture)
    seconds, peak = run(folder, folder.with_name(f"{folder.name}-prepared"), 48)
    return {"ms_a_file": round(1000 * seconds / count, 2), "peak_gb": peak}


if __name__ == "__main__":
    main()
