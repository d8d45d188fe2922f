import cv2
import numpy as np
import pytest

from srgan_keras.errors import UsageError
from srgan_keras.evaluation import trust
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.models.bicubic import bicubic_upsample
from srgan_keras.phantoms.phantom import phantom

STANDARD = Standard(4, hr_long_side=128)


class Bicubic:
    """A model that turns with its input; `slope` adds what does not."""

    name, scale, degradation = "mine", 4, "bicubic"

    def __init__(self, slope: float = 0.0) -> None:
        self.slope = slope

    def upscale_float(self, image):
        sr = bicubic_upsample(image[None].astype(np.float32), 4).numpy()[0] / 255
        ramp = self.slope * np.linspace(-1, 1, sr.shape[1], dtype=np.float32)[:, None]
        return np.clip(sr + ramp, 0, 1)

    def upscale(self, image):
        return np.rint(self.upscale_float(image) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def sample():
    return STANDARD.sample(phantom(5, 190).image)


@pytest.fixture(scope="module")
def sr(sample):
    return Bicubic().upscale(sample.lr)


def test_uncertainty_is_what_turns_with_the_orientation(sample, sr):
    still = trust.maps(STANDARD, Bicubic(), sample, sr)["uncertainty"]
    assert still.shape == sample.hr.shape[:2]
    assert still.dtype == np.float32
    assert still.max() < 0.01
    moved = trust.maps(STANDARD, Bicubic(0.02), sample, sr)["uncertainty"]
    inner = sample.regions["inner"]
    bright = inner & (sample.hr.min(axis=2) > 12) & (sample.hr.max(axis=2) < 243)
    # eight ramps: +x, -x, +y, -y, twice each; their variance is (x^2 + y^2) / 2
    y, x = (0.02 * 255 * np.linspace(-1, 1, n) for n in moved.shape)
    expected = np.sqrt((x[None] ** 2 + y[:, None] ** 2) / 2)
    np.testing.assert_allclose(moved[bright], expected[bright], atol=0.01)


def test_maps_are_in_grey_levels(sample, sr):
    other = np.clip(sr.astype(int) + 7, 0, 255).astype(np.uint8)
    clear = (sr < 248).all(axis=2)
    found = trust.maps(STANDARD, Bicubic(), sample, other, stage1=sr)
    np.testing.assert_array_equal(found["departure"][clear], 7)
    assert "departure" not in trust.maps(STANDARD, Bicubic(), sample, other)
    bicubic = STANDARD.baseline("bicubic", sample).astype(float)
    np.testing.assert_allclose(found["detail"], (other - bicubic).mean(axis=2), atol=1e-4)
    again = STANDARD.degraded(other, sample.index).astype(float)
    error = np.sqrt(((again - sample.lr) ** 2).mean(axis=2))
    np.testing.assert_allclose(found["consistency"][::4, ::4], error, atol=1e-4)
    np.testing.assert_array_equal(found["consistency"][::4], found["consistency"][3::4])


@pytest.mark.parametrize("kind", ["invented", "erased"])
def test_a_lesion_that_lr_does_not_show_is_flagged_where_it_is(kind, sample):
    """HR is the most faithful SR there can be; a lesion of a radius of 2 px is put on one side."""
    inner = sample.regions["inner"]
    y, x = np.argwhere(cv2.erode(inner.astype(np.uint8), np.ones((41, 41))))[200]
    spot = cv2.circle(np.zeros(inner.shape, np.uint8), (int(x), int(y)), 2, 1, -1) > 0
    spotted = sample.hr.copy()
    spotted[spot] = (90, 20, 10)
    hr, sr = (sample.hr, spotted) if kind == "invented" else (spotted, sample.hr)
    case = type(sample)(hr, STANDARD.degraded(hr, sample.index), sample.regions, sample.index)
    found = trust.maps(STANDARD, Bicubic(), case, sr)
    flags = trust.unsupported(found, 4).repeat(4, 0).repeat(4, 1)
    ((top, left, bottom, right),) = trust.boxes(flags & inner, 4)
    assert top <= y < bottom
    assert left <= x < right
    assert max(bottom - top, right - left) <= 32
    clean = trust.maps(STANDARD, Bicubic(), case, case.hr)
    assert not trust.unsupported(clean, 4).any()


def test_boxes_are_regions_the_largest_first():
    flags = np.zeros((80, 96), bool)
    flags[8:12, 8:12] = flags[16:20, 8:12] = True  # an LR pixel between them: one region
    flags[60:64, 40:44] = True
    assert trust.boxes(flags, 4) == [[4, 4, 24, 16], [56, 36, 68, 48]]
    assert trust.boxes(np.zeros((8, 8), bool), 4) == []


def test_maps_are_read_as_they_were_written(tmp_path, rng):
    values = rng.uniform(0, 15, (9, 7)).astype(np.float32)
    written = {"uncertainty": values, "detail": 2 * values - 15}
    trust.write(tmp_path, "a.b", written)
    trust.write(tmp_path, "a.b.c", {"uncertainty": values + 20})
    found = trust.read(tmp_path, "a.b")
    assert found.keys() == written.keys()
    np.testing.assert_allclose(found["uncertainty"], values, atol=1 / 32)
    np.testing.assert_allclose(found["detail"], written["detail"], atol=1 / 8)
    assert trust.read(tmp_path, "a.b.c")["uncertainty"].max() == pytest.approx(255 / 16)
    (tmp_path / "a.b.detail.png").write_bytes(b"")
    with pytest.raises(UsageError, match=r"a\.b\.detail\.png is damaged"):
        trust.read(tmp_path, "a.b")


def test_at_scale_1_detail_is_what_a_model_adds_to_the_input():
    class Brighter:
        name, scale, degradation = "mine", 1, "clinical"

        def upscale_float(self, image):
            return np.clip(image.astype(np.float32) / 255 + 4 / 255, 0, 1)

    protocol = Standard(1, "clinical", 128)
    sample = protocol.sample(phantom(5, 190).image)
    sr = np.clip(sample.lr.astype(int) + 4, 0, 255).astype(np.uint8)
    found = trust.maps(protocol, Brighter(), sample, sr)
    clear = (sample.lr < 250).all(axis=2)
    np.testing.assert_array_equal(found["detail"][clear], 4)
    assert found["uncertainty"].max() < 1e-3
    assert found["consistency"].shape == sample.hr.shape[:2]
    assert trust.unsupported(found, 1).shape == sample.hr.shape[:2]
