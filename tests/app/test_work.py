"""The work behind the page, without Gradio: reading, regions, maps, and what is forgotten."""

import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srgan_keras.app import support, views, work
from srgan_keras.app.entries import Entries, Entry
from srgan_keras.data.image_file import ImageFile, Reason
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.evaluation.trust import distance
from srgan_keras.inference.image_files import write
from srgan_keras.inference.model import load
from srgan_keras.inference.upscaler import bicubic
from srgan_keras.phantoms.phantom import phantom


@pytest.fixture(scope="module")
def entry() -> Entry:
    entry = Entry("eye.png", ImageFile(phantom(3, 64).image))
    method = list(work.METHODS)[1]
    entry.result = work.upscale_entry(entry, "fundus-x4", method, "float32")
    return entry


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)))


def test_an_upload_is_read_and_deleted(tmp_path: Path):
    upload = tmp_path / "hash" / "eye.tif"
    write(upload, ImageFile(phantom(1, 40).image))
    kept = shutil.copy(upload, tmp_path)
    assert work.take(upload, 0.01).colour.shape == (40, 40, 3)
    assert not upload.parent.exists()
    upload.parent.mkdir()
    shutil.copy(kept, upload)
    with pytest.raises(Reason, match="40 x 40 px are more"):
        work.take(upload, 0.001)
    assert not upload.parent.exists()


def test_a_region_shows_the_pixels_themselves(entry: Entry):
    sr, lr = entry.result.image.colour, entry.photograph.colour
    where = views.region(entry, (10, 20, 30, 50), 500)
    assert (where.height, where.width) == (80, 120)
    np.testing.assert_array_equal(pixels(views.layer(entry, "after", where)), sr[40:120, 80:200])
    before = pixels(views.layer(entry, "before", where))
    np.testing.assert_array_equal(before, bicubic(lr, 4)[40:120, 80:200])
    photograph = pixels(views.layer(entry, "photograph", views.region(entry, (0,) * 4, 30)))
    assert photograph.shape == (30, 30, 3)
    for name in (*entry.result.maps, views.DETAIL):
        assert pixels(views.layer(entry, name, where)).shape == (80, 120, 4)
    assert views.layer(entry, "nothing", where) is None


@pytest.mark.parametrize("box", [(-5, -5, 9999, 9999), (30, 30, 30, 40), (5, 90, 9, 95)])
def test_a_region_outside_is_the_part_inside_or_the_whole(entry: Entry, box):
    where = views.region(entry, box, 10**9)
    inside = where.box
    assert (inside.top, inside.left, inside.bottom, inside.right) == (0, 0, 64, 64)
    assert (where.height, where.width) == (256, 256)


def test_the_maps_are_those_of_the_evaluation(entry: Entry):
    lr, sr = entry.photograph.colour, entry.result.image.colour
    expected = distance(lr, Standard(scale=4).degraded(sr, 0))
    np.testing.assert_allclose(entry.result.maps["consistency"], expected, atol=1e-5)
    assert entry.result.maps.keys() == {"uncertainty", "consistency"}
    assert entry.result.command == (
        "srgan-keras upscale fundus-x4 eye.png --out upscaled --uncertainty --precision float32"
    )


def test_strips_give_the_map_of_the_whole(entry: Entry, monkeypatch: pytest.MonkeyPatch):
    lr, sr, model = entry.photograph.colour, entry.result.image.colour, load("fundus-x4")
    monkeypatch.setattr(support, "_ROWS", 11)
    found = support.maps_of(model, lr, sr, {})["consistency"]
    np.testing.assert_allclose(found, entry.result.maps["consistency"], atol=1e-5)


def test_a_planted_detail_is_flagged(entry: Entry):
    lr, sr = entry.photograph.colour, entry.result.image.colour.copy()
    sr[128:144, 120:136] = 255
    maps = support.maps_of(load("fundus-x4"), lr, sr, {})
    (top, left, bottom, right), *_ = support.flags_of(maps, lr, 4)
    assert top <= 128 < 144 <= bottom
    assert left <= 120 < 136 <= right
    assert support.flags_of({}, lr, 4) == []


def test_a_user_who_leaves_stops_the_model(entry: Entry):
    other = Entry("eye.png", entry.photograph)
    other.left.set()
    with pytest.raises(work.Stopped):
        work.upscale_entry(other, "fundus-x4", next(iter(work.METHODS)), "float32")


def test_a_session_has_one_entry_and_the_oldest_goes(entry: Entry):
    entries = Entries(most=2)
    photographs = [Entry(f"{i}.png", entry.photograph) for i in range(4)]
    entries.put("a", photographs[0])
    entries.put("a", photographs[1])
    assert photographs[0].left.is_set()
    assert entries.get(photographs[0].token) is None
    entries.put("b", photographs[2])
    entries.put("c", photographs[3])
    assert [entries.of(session) for session in "abc"] == [None, *photographs[2:]]
    assert entries.get(photographs[2].token) is photographs[2]
    entries.clear()
    assert all(photograph.left.is_set() for photograph in photographs)
