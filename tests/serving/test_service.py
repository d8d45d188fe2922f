"""The example of docs/serving: over HTTP, pixels equal those of `upscale`; nothing is lost.

`SRGAN_KERAS_REQUESTS=1000` sends more requests than the suite does.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.phantoms.phantom import phantom

pytest.importorskip("bentoml", reason="needs the packages of docs/serving/requirements.txt")

ROOT = Path(__file__).resolve().parents[2]
SIZES = (16, 17, 24, 31, 40, 48, 57, 64, 80, 96)
REQUESTS = int(os.environ.get("SRGAN_KERAS_REQUESTS", "60"))
DAMAGED, USERS = REQUESTS // 20, 12
PATIENCE = 300  # s


def files(folder: Path, sizes: tuple[int, ...] = SIZES) -> dict[str, bytes]:
    """Write phantoms of mixed sizes, shapes and formats; return them by name."""
    folder.mkdir()
    for i, size in enumerate(sizes):
        image = phantom(i, size).image[: size - size // 4 * (i % 2), :, ::-1]
        for suffix in (".png", ".jpg", ".tiff"):
            cv2.imwrite(str(folder / f"{i}-{suffix[1:]}{suffix}"), image)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def upscaled(folder: Path) -> dict[str, bytes]:
    """Return what `upscale` writes, by the name of the input."""
    out = folder.with_name("upscaled")
    assert cli.main(["upscale", "fundus-x4", str(folder), "--out", str(out)]) == 0
    return {file.name: (out / f"{file.stem}.png").read_bytes() for file in folder.iterdir()}


def damaged(count: int) -> list[bytes]:
    """Return truncated and overwritten files, and bytes that are no file."""
    rng = np.random.default_rng(0)
    whole = cv2.imencode(".png", phantom(1, 48).image)[1].tobytes()
    made = []
    for i in range(count):
        cut = whole[: int(rng.integers(8, len(whole) - 20))]
        noise = rng.integers(0, 256, int(rng.integers(1, 400)), np.uint8).tobytes()
        made.append((cut, noise, cut[:40] + noise, b"")[i % 4])
    return made


def test_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a replica makes of a batch; a damaged file fails alone."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))
    monkeypatch.setenv("BENTOML_DO_NOT_TRACK", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place = ROOT / "docs/serving/service.py"
        spec = importlib.util.spec_from_file_location("service", place)
        service = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(service)
        # a replica sets its threads before TensorFlow starts
        monkeypatch.setattr("tensorflow.config.threading.set_intra_op_parallelism_threads", id)
        replica = service.Upscaling.inner()
    batch = files(tmp_path / "in", SIZES[:2])
    expected = upscaled(tmp_path / "in")
    answers = replica.upscale([*batch.values(), *damaged(4)])
    for name, answer in zip(batch, answers, strict=False):
        assert answer == service.DONE + expected[name], name
    refused = answers[len(batch) :]
    assert len(refused) == 4
    assert all(answer.startswith(service.REFUSED) and b"\n" not in answer for answer in refused)
    replica.threads.shutdown()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Its address and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(tmp_path / "bentoml"),
        "MEGAPIXELS": "0.05",
    }
    command = [sys.executable, "-m", "bentoml", "serve", "service:Api", "--host", "127.0.0.1"]
    command += ["--working-dir", str(ROOT / "docs/serving"), "--port", str(port)]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while log.read_text().count("Service Upscaling initialized") < 2 or not ready(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)  # no test of a time: only polls
        yield url, log
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def post(url: str, data: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{url}/upscale", data=data, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_requests_are_answered_damaged_ones_too(served, tmp_path):
    url, log = served
    batch = files(tmp_path / "in")
    expected = upscaled(tmp_path / "in")
    names = [list(batch)[i % len(batch)] for i in range(REQUESTS)]
    sent = [(name, batch[name]) for name in names]
    every = REQUESTS // DAMAGED
    for i, data in enumerate(damaged(DAMAGED)):
        sent.insert(i * (every + 1), ("", data))
    with ThreadPoolExecutor(USERS) as users:
        answers = list(users.map(lambda item: post(url, item[1]), sent))
    assert Counter(status for status, _ in answers) == {200: REQUESTS, 422: DAMAGED}
    for (name, _), (status, body) in zip(sent, answers, strict=True):
        if status == 200:
            assert body == expected[name], name
        else:
            assert body.count(b"\n") == 1, body
    assert ready(url)
    text = log.read_text()
    assert text.count("Service Upscaling initialized") == 2, "a replica has started again"
    replicas = {f"[service:Upscaling:{i}] _ (" for i in (1, 2)}
    assert all(replica in text for replica in replicas), "both have worked"
    large = cv2.imencode(".png", np.zeros((300, 300), np.uint8))[1].tobytes()
    assert post(url, large) == (422, b"300 x 300 px are more than 0.05 megapixels\n")
    assert post(url, bytes(2**21))[0] == 413
