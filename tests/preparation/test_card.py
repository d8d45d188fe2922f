import cv2
import numpy as np

from srgan_keras import cli
from srgan_keras.data.prepared import Row
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.preparation.card import write_card


def test_the_card_counts_and_shows(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for seed in range(6):
        cv2.imwrite(str(source / f"{seed}.png"), phantom(seed, 96).image[..., ::-1])
    (source / "7.png").touch()
    (source / "labels.csv").write_text("id_code,diagnosis\n0,0\n1,0\n2,3\n")
    assert cli.main(["prepare", str(source), "--out", str(out), "--hr-long-side", "64"]) == 0
    text = (out / "card.md").read_text()
    assert "7 files found, 6 kept." in text
    assert "| empty file | 1 |" in text
    assert "| split | 0 | 3 | none | all |" in text
    assert "| 96 x 96 | 2 | 1 | 3 |" in text
    assert not (out / "card" / "copies.jpg").exists()
    sheet = cv2.imread(str(out / "card" / "contact_sheet.jpg"))
    assert sheet.shape == (160, 1600, 3)
    # six thumbnails with a green outline, then nothing
    green = (sheet[..., 1] > 200) & (sheet[..., 2] < 90)
    assert [bool(cell.any()) for cell in np.hsplit(green, 10)] == [True] * 6 + [False] * 4


def test_copies_stand_side_by_side(tmp_path):
    rows = []
    for seed, group in enumerate("aab"):
        for kind in ("images", "masks"):
            (tmp_path / kind / "train").mkdir(parents=True, exist_ok=True)
            image = np.full((32, 40, 3), 50 + 50 * seed, np.uint8)
            cv2.imwrite(str(tmp_path / kind / "train" / f"p{seed}.png"), image)
        size = {"source_width": 40, "source_height": 32, "width": 40, "height": 32}
        rows.append(Row(f"p{seed}.png", f"p{seed}", "train", seed, group, sharpness=1.0, **size))
    write_card(tmp_path, rows, {})
    assert "| p0 (0), p1 (1) |" in (tmp_path / "card.md").read_text()
    assert cv2.imread(str(tmp_path / "card" / "copies.jpg")).shape == (160, 1600, 3)
