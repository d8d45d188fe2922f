import json

import cv2
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.data import datasets
from srgan_keras.data.fov import fov_mask
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.preparation import duplicates


def recompressed(image):
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def cropped(image):
    top, left = (round(0.03 * side) for side in image.shape[:2])
    return image[top:-top, left:-left]


COPIES = {
    "recompressed": recompressed,
    "resized": lambda image: cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
    "mirrored": lambda image: image[:, ::-1],
    "cropped": cropped,
    "brighter": lambda image: np.clip(image.astype(int) + 20, 0, 255).astype(np.uint8),
}


def plant(folder, images):
    """Write each image and its five copies; return the name of the original by the copy's."""
    folder.mkdir()
    for name, image in images.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
        for kind, change in COPIES.items():
            cv2.imwrite(str(folder / f"{name}-{kind}.png"), change(image))
    return {f"{n}-{kind}": n for n in images for kind in COPIES} | {n: n for n in images}


def found_groups(source, out, long_side):
    arguments = ["prepare", str(source), "--out", str(out), "--hr-long-side", str(long_side)]
    assert cli.main(arguments) == 0
    lines = (out / "manifest.csv").read_text(encoding="utf-8").splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    return {row["id"]: (row["group"], row["split"]) for row in rows}


def partition(group_of):
    parts = {}
    for name, group in group_of.items():
        parts.setdefault(group, set()).add(name)
    return sorted(map(sorted, parts.values()))


def test_copies_are_found_stay_together_and_conflicts_are_listed(tmp_path, capsys):
    images = {f"p{seed}": phantom(seed, 256).image[..., ::-1] for seed in range(6)}
    expected = plant(tmp_path / "in", images)
    (tmp_path / "in" / "labels.csv").write_text(
        "id_code,diagnosis\np1,2\np1-mirrored,3\np2,0\np2-cropped,0\n"
    )
    found = found_groups(tmp_path / "in", tmp_path / "out", 192)
    assert partition({n: g for n, (g, _) in found.items()}) == partition(expected)
    splits = {}
    for group, split in found.values():
        splits.setdefault(group, set()).add(split)
    assert all(len(s) == 1 for s in splits.values())
    info = json.loads((tmp_path / "out" / "prepared.json").read_text())
    assert info["label_conflicts"] == [{"p1": 2, "p1-mirrored": 3}]
    assert "36 in 6 groups" in capsys.readouterr().out


@pytest.mark.parametrize("block", [(64, 4096), (64, 40), (7, 64)])
def test_many_hashes_are_compared_in_blocks(block, rng, monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK", block)
    hashes = [rng.bytes(32).hex() for _ in range(150)]
    described = [duplicates.Described(h, rng.bytes(32).hex(), True) for h in hashes]
    described[140] = duplicates.Described(hashes[3], hashes[70], True)
    assert list(duplicates.proposals(described)) == [(3, 140, False), (70, 140, True)]


@pytest.mark.parametrize("level", [0, 8, 20, 35])
def test_version_2_of_the_mask_knows_a_surround_that_is_not_black(level):
    photograph = phantom(3, 256)
    image = np.where(photograph.fov[..., None], np.maximum(photograph.image, level + 15), level)
    mask = fov_mask(image.astype(np.uint8), version=2)
    assert (mask & photograph.fov).sum() / (mask | photograph.fov).sum() > 0.97


@pytest.mark.real
@pytest.mark.slow
def test_planted_copies_of_real_photographs_are_all_found(real_data, tmp_path):
    """40 photographs times five copies among all the real ones; nothing different is merged."""
    everything = {}
    for name in ("aptos2019", "idrid/images", "drive", "chase_db1"):
        for photograph in datasets.find(str(real_data / name)):
            image = photograph.read()[..., ::-1]
            factor = min(1, 1024 / max(image.shape))
            image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            everything[f"{name.split('/')[0]}-{photograph.id}"] = image
    planted = dict(list(everything.items())[::4][:40])
    expected = plant(tmp_path / "in", planted)
    for name, image in everything.items():
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), image)
    found = found_groups(tmp_path / "in", tmp_path / "out", 768)
    expected = {name: expected.get(name, name) for name in found}
    assert len(found) == len(everything) + 200
    assert partition({n: g for n, (g, _) in found.items()}) == partition(expected)
    assert found["chase_db1-Image_01L"][0] != found["chase_db1-Image_01R"][0]


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["aptos2019", "idrid/images", "drive", "chase_db1"])
def test_every_copy_of_every_real_photograph_is_proposed_and_confirmed(name, real_data):
    for photograph in datasets.find(str(real_data / name)):
        image = photograph.read()
        factor = min(1, 1024 / max(image.shape))
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        square = duplicates.view(image)[0]
        for kind, change in COPIES.items():
            copy = np.ascontiguousarray(change(image))
            pair = [duplicates.describe(image), duplicates.describe(copy)]
            mirrored = kind == "mirrored"
            assert (0, 1, mirrored) in list(duplicates.proposals(pair)), (photograph.id, kind)
            other = duplicates.view(copy)[0][:, :: -1 if mirrored else 1]
            likeness = duplicates.correlation(square, other)
            assert likeness > duplicates.CORRELATION, (photograph.id, kind)


@pytest.mark.real
@pytest.mark.slow
def test_pixels_alone_keep_different_photographs_apart(real_data, monkeypatch):
    """Whatever the hashes propose: each pair of different ones within 108 of their 256 bits."""
    described, squares = [], []
    for name in ("aptos2019", "idrid/images", "drive", "chase_db1"):
        for photograph in datasets.find(str(real_data / name)):
            image = photograph.read()
            described.append(duplicates.describe(image))
            squares.append(duplicates.view(image)[0])
    monkeypatch.setattr(duplicates, "NEAR", 108)  # unrelated hashes: 128 and 8 to either side
    monkeypatch.setattr(duplicates, "NEAR_WITHOUT_CIRCLE", 108)
    pairs = list(duplicates.proposals(described))
    assert len(pairs) > 1000
    likeness = [
        duplicates.correlation(squares[i], squares[j][:, ::-1] if mirrored else squares[j])
        for i, j, mirrored in pairs
    ]
    assert max(likeness) < duplicates.CORRELATION - 0.1
