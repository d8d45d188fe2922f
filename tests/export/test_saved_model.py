import io
import zlib
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from srgan_keras.config import Generator
from srgan_keras.export import network, saved_model
from srgan_keras.export.saved_model import export, float32_copy
from srgan_keras.export.serving_form import serving_form
from srgan_keras.models.generator import build_generator
from srgan_keras.models.layers import Affine
from srgan_keras.models.receptive_field import bytes_per_pixel, receptive_radius

LIMIT = 40 * 30
TINY = Generator(blocks=1, filters=8, upsampling="steps", upsample_filters=8, batch_norm=True)


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def file(image: np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_generator(TINY, 4, (0.4, 0.3, 0.2), (0.2, 0.15, 0.1))


@pytest.fixture(scope="module")
def folder(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved_model")
    export(model, folder, LIMIT)
    return folder


@pytest.fixture(scope="module")
def signatures(folder: Path) -> dict:
    return tf.saved_model.load(str(folder)).signatures


def ask(signatures: dict, name: str, images: object) -> np.ndarray:
    return signatures[name](images=tf.constant(images))["images"].numpy()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 12), (2, 13, 5), (1, 40, 30), (0, 6, 5)])
def test_arrays_of_any_size(signatures: dict, model: keras.Model, shape: tuple):
    n, height, width = shape
    images = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    floats = ask(signatures, "serve_float", images.astype(np.float32) / 255)
    levels = ask(signatures, "serving_default", images)
    assert floats.shape == levels.shape == (n, 4 * height, 4 * width, 3)
    assert (floats.dtype, levels.dtype) == (np.float32, np.uint8)
    if n:
        expected = model(images.astype(np.float32) / 255, training=False).numpy()
        np.testing.assert_allclose(floats, expected.clip(0, 1), atol=1e-5)
    np.testing.assert_array_equal(levels, np.rint(floats * 255))


@pytest.mark.parametrize(
    "options",
    [
        {"bicubic_skip": True},
        {"bicubic_skip": False},
        {"bicubic_skip": False, "upsampling": "direct"},
    ],
    ids=str,
)
def test_tiles_equal_the_whole(
    options: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
):
    model = build_generator(replace(TINY, **options), 2)
    images = {
        shape: rng.uniform(size=(*shape, 3)).astype(np.float32)
        for shape in [(1, 200, 9), (1, 9, 200), (2, 61, 40), (3, 40, 61), (1, 1, 500), (5, 9, 9)]
    }
    passes = []
    for budget in (2**29, 2**17):
        monkeypatch.setattr(saved_model, "PASS_BYTES", budget)
        monkeypatch.setattr(network, "TAIL_BYTES", budget // 8)
        export(model, tmp_path / f"{budget}", 10_000)
        exported = tf.saved_model.load(str(tmp_path / f"{budget}"))
        passes.append({n: ask(exported.signatures, "serve_float", x) for n, x in images.items()})
    parts = [part for part in serving_form(model) if part]
    assert len(parts) == 1 + (not options["bicubic_skip"])
    for i, part in enumerate(parts):  # so that the first are cut into several tiles
        pixels = 2**17 // (8 if i else 1) // bytes_per_pixel(part)
        assert pixels**0.5 - 2 * receptive_radius(part, 2) < 61
    for shape, whole in passes[0].items():
        assert whole.shape == (shape[0], 2 * shape[1], 2 * shape[2], 3)
        np.testing.assert_allclose(passes[1][shape], whole, atol=1e-5)
        np.testing.assert_allclose(whole, model(images[shape]).numpy().clip(0, 1), atol=1e-5)


def test_restoration_in_every_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model = build_generator(Generator(blocks=1, filters=4), 1)
    monkeypatch.setattr(saved_model, "PASS_BYTES", 2**17)
    export(model, tmp_path)
    signatures = tf.saved_model.load(str(tmp_path)).signatures
    assert (2**17 // bytes_per_pixel(model)) < 90 * 77  # so that the last is cut into tiles
    for size in [(1, 1), (3, 5), (90, 77)]:
        image = photograph(*size)[np.newaxis]
        floats = ask(signatures, "serve_float", image / np.float32(255))
        assert floats.shape == image.shape
        expected = model(image / np.float32(255), training=False).numpy().clip(0, 1)
        np.testing.assert_allclose(floats, expected, atol=1e-5)
        levels = ask(signatures, "serving_default", image)
        np.testing.assert_array_equal(levels, np.rint(floats * 255))
        png = ask(signatures, "serve_bytes", [file(image[0], "PNG")])[0]
        np.testing.assert_array_equal(pixels(png), levels[0])


def test_bfloat16_is_near(folder: Path, rng: np.random.Generator):
    exported = tf.saved_model.load(str(folder)).network
    images = rng.uniform(size=(1, 30, 40, 3)).astype(np.float32)
    exact, half = exported.float32(images).numpy(), exported.bfloat16(images).numpy()
    assert half.dtype == np.float32
    assert 0 < np.abs(exact - half).max() < 0.02


def test_uint8_is_rounded_and_clipped(tmp_path: Path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, Affine((1.3,) * 3, (-0.1,) * 3)(inputs))
    export(model, tmp_path)
    levels = np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis, np.newaxis].repeat(3, -1)
    signatures = tf.saved_model.load(str(tmp_path)).signatures
    served = ask(signatures, "serving_default", levels)[0, :, 0, 0]
    expected = np.rint((np.arange(256) * 1.3 - 25.5).clip(0, 255))
    ties = np.abs((np.arange(256) * 1.3 - 25.5) % 1 - 0.5) < 1e-3
    np.testing.assert_array_equal(served[~ties], expected[~ties])
    floats = ask(signatures, "serve_float", levels.astype(np.float32) / 255)
    assert floats.min() == 0
    assert floats.max() == 1


def test_files_of_different_kinds_and_sizes_in_one_batch(signatures: dict):
    images = [photograph(6, 9, i) for i in range(6)] + [photograph(11, 5)]
    exif = Image.Exif()
    exif[0x0110] = "camera"  # with metadata, WebP uses another header
    kinds = [
        ("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("WEBP", {}), ("JPEG", {}),
        ("WEBP", {"exif": exif, "lossless": True}), ("PNG", {}),
    ]  # fmt: skip
    files = [file(image, kind, **o) for image, (kind, o) in zip(images, kinds, strict=True)]
    served = [pixels(png) for png in ask(signatures, "serve_bytes", files)]
    for image, png, (kind, options) in zip(images, served, kinds, strict=True):
        assert png.shape == (4 * image.shape[0], 4 * image.shape[1], 3)
        if kind in ("PNG", "BMP") or options:
            whole = ask(signatures, "serving_default", image[np.newaxis])[0]
            np.testing.assert_array_equal(png, whole)


def test_no_files(signatures: dict):
    assert signatures["serve_bytes"](images=tf.constant([], tf.string))["images"].shape == (0,)


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"no image", b"BM", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n\xff",
        file(photograph(9, 9), "PNG")[:60], file(photograph(9, 9), "JPEG")[:-200],
        file(photograph(9, 9), "GIF"), file(photograph(9, 9), "BMP").replace(b"\x09", b"\0", 2),
    ],
)  # fmt: skip
def test_bytes_that_are_no_image_fail_the_request_alone(signatures: dict, bad: bytes):
    good = file(photograph(5, 5), "PNG")
    with pytest.raises(tf.errors.InvalidArgumentError):
        ask(signatures, "serve_bytes", [good, bad])
    assert pixels(ask(signatures, "serve_bytes", [good])[0]).shape == (20, 20, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "lossless WEBP"])
def test_files_over_the_limit(signatures: dict, kind: str):
    big = file(photograph(31, 40), kind.split()[-1], lossless=kind.startswith("lossless"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 to 1200 pixels"):
        ask(signatures, "serve_bytes", [big])


@pytest.mark.parametrize("shape", [(1, 31, 40), (1, 1, 1201), (0, 31, 40), (1, 0, 4), (1, 4, 0)])
def test_arrays_over_the_limit_or_empty(signatures: dict, shape: tuple):
    for name, dtype in [("serving_default", np.uint8), ("serve_float", np.float32)]:
        with pytest.raises(tf.errors.InvalidArgumentError, match="1 to 1200 pixels"):
            ask(signatures, name, np.zeros((*shape, 3), dtype))


def test_a_small_file_of_a_huge_image_is_not_decoded(signatures: dict):
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    side = (60_000).to_bytes(4, "big")
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", side + side + b"\x08\x02\0\0\0")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"pixels.*60000"):
        ask(signatures, "serve_bytes", [bomb])


def test_a_mixed_policy_is_exported_as_float32(tmp_path: Path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_generator(TINY, 2)
        copy = float32_copy(model)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert "bfloat16" in {layer.compute_dtype for layer in model.layers}
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    for ours, theirs in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    images = photograph(9, 7)[np.newaxis] / np.float32(255)
    export(model, tmp_path)
    served = ask(tf.saved_model.load(str(tmp_path)).signatures, "serve_float", images)
    np.testing.assert_allclose(served, copy(images, training=False).numpy().clip(0, 1), atol=1e-5)


def test_weights_are_stored_once(tmp_path: Path):
    model = build_generator(Generator(blocks=8, filters=64), 4)
    export(model, tmp_path)
    weights = sum(weight.nbytes for weight in model.get_weights())
    stored = sum(item.stat().st_size for item in tmp_path.rglob("*") if item.is_file())
    assert weights > 1e6
    assert stored < 1.2 * weights + 0.5e6
