"""Damaged files through every reader: an image or a named refusal each, and no crash.

    python benchmarks/fuzz_reading.py [--count 2000] [--seed 0] [--json]

The files of tests/data/image_matrix.py, of each kind PNG, JPEG, WebP, TIFF and DICOM, go through
the readers of `upscale` and of the other commands. Files of a phantom, and a PNG that claims
50,000 x 50,000 px, go through `serve_bytes`. Their bytes are changed, removed, doubled or
truncated, often near the head. Prints how often each answer occurs, and the peak of memory.
"""

import argparse
import json
import resource
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from srgan_keras.config import Generator
from srgan_keras.data.decode import Reason, decode, read
from srgan_keras.export.saved_model import export
from srgan_keras.models.generator import build_generator
from srgan_keras.phantoms.phantom import phantom

sys.path.append(str(Path(__file__).parents[1]))  # for tests
from tests.data.image_matrix import cells

PIXEL_LIMIT = 2**17
KINDS = ("PNG", "JPEG", "WEBP", "TIFF", "DICOM")


def main() -> None:
    """Parse, try, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's, of damaged metadata
    result = {kind: fuzz(kind, options.count, options.seed) for kind in KINDS}
    result["serve_bytes"] = fuzz_serving(4 * options.count, options.seed)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def fuzz(kind: str, count: int, seed: int) -> dict[str, int | float]:
    """Read damaged files of a kind; anything but an image or a Reason is raised."""
    rng = np.random.default_rng(seed)
    files = [cell.data for cell in cells(kind)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = Counter(read_damaged(mutated(files[i % len(files)], rng)) for i in range(count))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"files": count, **answers, "memory, MB": round(grown / 1024)}


def read_damaged(file: bytes) -> str:
    """Read one file as `upscale` and as the other commands do."""
    try:
        image = read(file)
    except Reason:
        return "refused"
    pixels = decode(file)
    if pixels.dtype != np.uint8 or pixels.shape != image.colour.shape or not pixels.size:
        raise RuntimeError(f"two readers differ: {pixels.shape} and {image.colour.shape}")
    return "image"


def fuzz_serving(count: int, seed: int) -> dict[str, int | str]:
    """Serve damaged files one by one; anything but an image or InvalidArgument is raised."""
    rng = np.random.default_rng(seed)
    image = phantom(0, 48).image[:40]
    files = [cv2.imencode(kind, image)[1].tobytes() for kind in (".png", ".jpg", ".webp")]
    files.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes())
    with tempfile.TemporaryDirectory() as folder:
        export(build_generator(Generator(blocks=1, filters=4), 2), folder, PIXEL_LIMIT)
        serve = tf.saved_model.load(folder).signatures["serve_bytes"]
        answers = Counter(
            answer(serve, mutated(files[i % len(files)], rng), seen=i) for i in range(count)
        )
        try:
            serve(images=tf.constant([bomb(50_000)]))
            refused = "no"
        except tf.errors.InvalidArgumentError as error:
            refused = "before it is decoded" if "50000" in str(error) else "while decoded"
    return {"files": count, **answers, "bomb refused": refused}


def answer(serve: tf.types.experimental.ConcreteFunction, file: bytes, seen: int) -> str:
    """Ask for one file."""
    try:
        sr = serve(images=tf.constant([file]))["images"][0].numpy()
    except tf.errors.InvalidArgumentError:
        return "InvalidArgument"
    decoded = cv2.imdecode(np.frombuffer(sr, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None or not decoded.size:
        raise RuntimeError(f"file {seen} was answered with something that is no image")
    return "image"


def mutated(file: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one to three places."""
    data = bytearray(file)
    for _ in range(rng.integers(1, 4)):
        head = rng.random() < 0.3
        at = int(rng.integers(min(len(data), 64) if head else len(data)))
        length = int(rng.integers(1, 9))
        match rng.integers(4):
            case 0:
                data[at : at + length] = rng.bytes(length)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                del data[max(at, 24) :]
    return with_checksums(bytes(data)) if rng.random() < 0.7 else bytes(data)


def with_checksums(file: bytes) -> bytes:
    """Make the checksums of a PNG right, or a decoder looks no further."""
    if not file.startswith(b"\x89PNG"):
        return file
    data, at = bytearray(file), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(data)


def bomb(side: int) -> bytes:
    """Return a PNG of side x side px in a few hundred bytes: a head with a valid checksum."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    size = side.to_bytes(4, "big")
    pixels = zlib.compress(bytes(10_000))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size + size + b"\x08\x02\0\0\0")
    return head + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
