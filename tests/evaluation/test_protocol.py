import cv2
import numpy as np
import pytest
import skimage.metrics
import tensorflow as tf

from srgan_keras.data import datasets
from srgan_keras.data.degradations import degrade
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.measure import measure
from srgan_keras.evaluation.protocol import Author, Sample, Standard
from srgan_keras.evaluation.vgg_distance import VggDistance
from srgan_keras.phantoms.phantom import phantom


class Constant:
    """A model that answers one grey level, also between two of 8 bit."""

    name, scale, degradation = "constant", 4, "bicubic"

    def __init__(self, level: float) -> None:
        self.level = level

    def upscale(self, image):
        return np.rint(self.upscale_float(image) * 255).astype(np.uint8)

    def upscale_float(self, image):
        height, width = image.shape[:2]
        return np.full((4 * height, 4 * width, 3), self.level / 255, np.float32)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return phantom(5, 190).image[3:, :]


def by_region(protocol, image, row: str, models=None) -> dict:
    rows = list(measure(protocol, protocol.sample(image), models or {}))
    return {region: values for name, region, values in rows if name == row}


def wang_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    _, full = skimage.metrics.structural_similarity(
        a,
        b,
        channel_axis=-1,
        data_range=255,
        full=True,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return full.mean(axis=-1)


@pytest.mark.parametrize("scale", [2, 4])
def test_standard_sample(scale, photograph):
    sample = Standard(scale, hr_long_side=101).sample(photograph)
    height, width = sample.hr.shape[:2]
    assert max(height, width) == 100
    assert height % scale == width % scale == 0
    assert sample.lr.shape == (height // scale, width // scale, 3)
    np.testing.assert_array_equal(sample.lr, degrade(sample.hr[None], "bicubic", scale)[0])
    assert list(sample.regions) == ["full", "fov", "inner"]
    assert sample.regions["full"] is None
    inner, fov = sample.regions["inner"], sample.regions["fov"]
    assert inner.any()
    assert not (inner & ~fov).any()
    assert 0.6 < fov.mean() < 1


def test_standard_never_scales_up(photograph):
    assert max(Standard(hr_long_side=4000).sample(photograph).hr.shape) < 190
    assert max(Standard(hr_long_side=0).sample(photograph).hr.shape) > 150


def test_standard_baselines(photograph):
    standard = Standard(hr_long_side=120)
    sample = standard.sample(photograph)
    height, width = sample.lr.shape[:2]
    mirrored = np.pad(sample.lr, ((4, 4), (4, 4), (0, 0)), "symmetric")
    size = 4 * height + 32, 4 * width + 32
    expected = tf.image.resize(mirrored, size, "bicubic", antialias=True)[16:-16, 16:-16].numpy()
    bicubic = standard.baseline("bicubic", sample)
    assert bicubic.dtype == np.uint8
    assert np.abs(bicubic - np.clip(expected, 0, 255)).max() < 0.501
    repeated = sample.lr.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_array_equal(standard.baseline("nearest", sample), repeated)
    lanczos = cv2.resize(sample.lr, (4 * width, 4 * height), interpolation=cv2.INTER_LANCZOS4)
    np.testing.assert_array_equal(standard.baseline("lanczos", sample), lanczos)


def test_standard_keeps_the_phase_of_a_ramp():
    """Neither the degradation nor the enlargement shifts a picture by a part of a pixel."""
    y, x = np.mgrid[40:168, 40:168]
    ramp = np.stack([x, y, (x + y) // 2], axis=-1).astype(np.uint8)
    standard = Standard()
    sample = standard.sample(ramp)
    sr = standard.baseline("bicubic", sample)
    error = np.abs(sr.astype(int) - sample.hr)[16:-16, 16:-16]
    assert error.max() <= 1


def test_standard_figures_equal_scikit_image(photograph):
    standard = Standard(hr_long_side=150)
    sample = standard.sample(photograph)
    sr = standard.baseline("bicubic", sample)
    values = by_region(standard, photograph, "bicubic")
    similarity = wang_map(sample.hr, sr)
    squares = (sample.hr.astype(float) - sr) ** 2
    for region, mask in sample.regions.items():
        inside = np.ones(sr.shape[:2], bool) if mask is None else mask
        psnr = 10 * np.log10(255**2 / squares[inside].mean())
        assert values[region]["psnr"] == pytest.approx(psnr, abs=1e-9)
        windows = np.lib.stride_tricks.sliding_window_view(inside, (11, 11)).all(axis=(2, 3))
        ssim = similarity[5:-5, 5:-5][windows].mean()
        assert values[region]["ssim"] == pytest.approx(ssim, abs=1e-6)
    again = degrade(sr[None], "bicubic", 4).numpy()[0]
    consistency = skimage.metrics.peak_signal_noise_ratio(sample.lr, again)
    assert values["full"]["lr_consistency"] == pytest.approx(consistency)


def test_a_random_degradation_is_the_photographs_own(photograph):
    standard = Standard(degradation="clinical", hr_long_side=100)
    sample, again = standard.sample(photograph), standard.sample(photograph)
    np.testing.assert_array_equal(sample.lr, again.lr)
    other = standard.sample(photograph[::-1].copy())
    assert (other.lr[::-1] != sample.lr).any()
    assert standard.compare(sample, sample.hr)["full"]["lr_consistency"] == np.inf


def test_standard_measures_the_other_degradation(photograph):
    standard = Standard(degradation="cv2_linear", hr_long_side=100)
    sample = standard.sample(photograph)
    np.testing.assert_array_equal(sample.lr, degrade(sample.hr[None], "cv2_linear", 4)[0])
    assert standard.record()["degradation"] == "cv2_linear"


def test_author_figures_equal_the_formulae(photograph):
    """A plain transcription: mean squared error, true and false positives of grey > 127."""
    image = np.clip(photograph.astype(int) * 2, 0, 255).astype(np.uint8)
    height, width = image.shape[:2]
    lr = cv2.resize(image, (width // 4, height // 4))
    sr = cv2.resize(lr, (width, height), interpolation=cv2.INTER_CUBIC)
    truth, found = (np.rint(x @ (0.114, 0.587, 0.299)) > 127 for x in (image, sr))
    hits = (truth & found).sum()
    precision, recall = hits / found.sum(), hits / truth.sum()
    assert 0 < hits < truth.sum()
    expected = {
        "psnr": 10 * np.log10(255**2 / ((image.astype(float) - sr) ** 2).mean()),
        "ssim": wang_map(image, sr)[5:-5, 5:-5].mean(),
        "bright_precision": precision,
        "bright_recall": recall,
        "bright_f1": 2 * precision * recall / (precision + recall),
    }
    values = by_region(Author(), image, "bicubic")
    assert list(values) == ["full"]
    # OpenCV's grey is fixed-point: a pixel beside the threshold may differ
    assert values["full"] == pytest.approx(expected, abs=2e-3)
    for metric in ("psnr", "ssim"):
        assert values["full"][metric] == pytest.approx(expected[metric], abs=1e-6)


@pytest.mark.parametrize(("rounding", "level"), [("truncate", 100), ("nearest", 101)])
def test_author_truncates_and_resizes_what_models_say(rounding, level, photograph):
    author = Author(rounding)
    assert author.record()["rounding"] == rounding
    sample = author.sample(photograph)
    assert photograph.shape[0] % 4
    sr = author.upscale(Constant(100.7), sample)
    np.testing.assert_array_equal(sr, np.full_like(photograph, level))


def test_models_are_measured_beside_the_baselines(photograph):
    rows = [
        row for row, _, _ in measure(Author(), Author().sample(photograph), {"mine": Constant(50)})
    ]
    assert rows == ["nearest", "bicubic", "lanczos", "mine"]
    values = by_region(Standard(), photograph, "mine", {"mine": Constant(50)})
    assert list(values) == ["full", "fov", "inner"]


def test_a_black_border_changes_nothing_within_the_field_of_view(photograph):
    protocol = Standard(4, hr_long_side=0)
    sample = protocol.sample(photograph)
    sr = protocol.baseline("bicubic", sample)

    def framed(image: np.ndarray, width: int) -> np.ndarray:
        black = ((width, 2 * width), (3 * width, width), (0, 0))[: image.ndim]
        return np.pad(image, black)

    masks = {name: m if m is None else framed(m, 8) for name, m in sample.regions.items()}
    larger = Sample(framed(sample.hr, 8), framed(sample.lr, 2), masks)
    one, other = protocol.compare(sample, sr), protocol.compare(larger, framed(sr, 8))
    for region in ("fov", "inner"):
        assert one[region] == pytest.approx(other[region], rel=1e-6)
    assert one["inner"].keys() >= {"psnr_y", "ssim_green", "colour_drift", "band_energy"}
    assert one["full"].keys() >= {"ms_ssim", "lr_consistency"}
    assert one["full"]["psnr"] < other["full"]["psnr"]


@pytest.mark.parametrize("sides", [(0, 40, 0, 0), (13, 7, 250, 91), (400, 0, 0, 3)])
def test_a_black_border_changes_nothing_where_mask_3_is_found_anew(photograph, sides):
    top, bottom, left, right = sides
    larger = np.pad(photograph, ((top, bottom), (left, right), (0, 0)))
    protocol = Standard(4, hr_long_side=96, fov_mask_version=3)
    one, other = (by_region(protocol, image, "bicubic") for image in (photograph, larger))
    assert one == other
    assert np.isfinite(one["inner"]["psnr"])


def test_vgg_distance_where_features_are_given(photograph):
    observers = [VggDistance(lambda image: image / 255 + 1)]
    standard = Standard(hr_long_side=64)
    rows = measure(standard, standard.sample(photograph), {}, observers=observers)
    distances = {row: values["vgg_distance"] for row, region, values in rows if region == "full"}
    assert list(distances) == ["nearest", "bicubic", "lanczos"]
    assert 0 < distances["bicubic"] < distances["nearest"]


@pytest.mark.parametrize("protocol", [Standard(), Author()])
def test_a_photograph_below_a_pixel_of_lr_is_refused(protocol):
    with pytest.raises(UsageError, match="too few for a scale of 4"):
        protocol.sample(np.full((3, 9, 3), 90, np.uint8))


@pytest.mark.parametrize("protocol", [Standard(), Author()])
def test_a_black_photograph_is_measured(protocol):
    values = by_region(protocol, np.zeros((40, 40, 3), np.uint8), "bicubic")
    assert values["full"]["psnr"] == np.inf
    assert all(np.isnan(v["psnr"]) for region, v in values.items() if region != "full")


AUTHOR_BICUBIC = {
    "psnr": 41.006,
    "ssim": 0.9450,
    "bright_precision": 0.9176,
    "bright_recall": 0.8647,
    "bright_f1": 0.8666,
}
STANDARD_BICUBIC = {  # long side 512 px: psnr full, psnr inner, ssim full
    "aptos2019": (37.772, 41.575, 0.9447),
    "drive": (35.359, 39.516, 0.9289),
    "chase_db1": (37.054, 38.623, 0.9243),
}


def mean_bicubic(protocol, folder, count: int) -> dict[tuple[str, str], float]:
    photographs = datasets.find(str(folder))
    assert len(photographs) == count
    values: dict[tuple[str, str], list[float]] = {}
    for item in photographs:
        sample = protocol.sample(item.read())
        sr = protocol.baseline("bicubic", sample)
        for region, metrics in protocol.compare(sample, sr).items():
            for metric, value in metrics.items():
                values.setdefault((region, metric), []).append(value)
    return {key: float(np.mean(all_values)) for key, all_values in values.items()}


@pytest.mark.real
def test_author_on_aptos_gives_the_stand_alone_scripts_figures(real_data):
    means = mean_bicubic(Author(), real_data / "aptos2019", 41)
    assert means["full", "psnr"] == pytest.approx(AUTHOR_BICUBIC["psnr"], abs=0.01)
    for metric, value in AUTHOR_BICUBIC.items():
        assert means["full", metric] == pytest.approx(value, abs=0.01 if metric == "psnr" else 1e-3)


@pytest.mark.real
@pytest.mark.parametrize(("name", "count"), [("aptos2019", 41), ("drive", 32), ("chase_db1", 28)])
def test_standard_gives_the_stand_alone_scripts_figures(name, count, real_data):
    full, inner, ssim = STANDARD_BICUBIC[name]
    means = mean_bicubic(Standard(), real_data / name, count)
    assert means["full", "psnr"] == pytest.approx(full, abs=0.01)
    assert means["inner", "psnr"] == pytest.approx(inner, abs=0.01)
    assert means["full", "ssim"] == pytest.approx(ssim, abs=5e-4)


def test_at_scale_1_the_only_baseline_is_the_input(photograph):
    protocol = Standard(1, "clinical", 101)
    rows = list(measure(protocol, protocol.sample(photograph), {}))
    assert {name for name, _, _ in rows} == {"input"}
    sample = protocol.sample(photograph)
    assert sample.lr.shape == sample.hr.shape
    values = by_region(protocol, photograph, "input")
    assert values["full"]["psnr"] == skimage.metrics.peak_signal_noise_ratio(sample.hr, sample.lr)
    assert not {"band_energy", "grid_energy"} & {m for found in values.values() for m in found}
