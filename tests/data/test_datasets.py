import cv2
import numpy as np
import pytest

from srgan_keras.data import datasets, photograph
from srgan_keras.data.listing import listing
from srgan_keras.errors import UsageError


def write(folder, *names, size=8):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        seed = sum(name.encode()) + len(str(folder))
        image = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
        cv2.imwrite(str(folder / name), image)


def splits(photographs):
    return {p.id: p.split for p in photographs}


def test_a_plain_folder_is_split_by_hash_into_80_10_10(tmp_path):
    write(tmp_path / "deep" / "er", *(f"{i}.png" for i in range(12)))
    write(tmp_path, *(f"a{i}.jpg" for i in range(8)))
    found = datasets.find(str(tmp_path))
    assert len(found) == 20
    assert [len(datasets.select(found, s)) for s in (*datasets.SPLITS, "all")] == [16, 2, 2, 20]
    assert splits(found) == splits(datasets.find(str(tmp_path))), "a function of the files"


@pytest.mark.parametrize("count", [3, 4, 9])
def test_a_small_folder_leaves_no_split_empty(count, tmp_path):
    write(tmp_path, *(f"{i}.png" for i in range(count)))
    found = datasets.find(str(tmp_path))
    assert all(datasets.select(found, split) for split in datasets.SPLITS)


def test_named_subfolders_are_kept_and_a_tenth_of_train_validates(tmp_path):
    write(tmp_path / "training" / "images", *(f"{i}.png" for i in range(20)))
    write(tmp_path / "test", "t1.png", "t2.png")
    found = datasets.find(str(tmp_path))
    assert {p.id for p in datasets.select(found, "test")} == {"t1", "t2"}
    assert len(datasets.select(found, "train")) == 18
    assert len(datasets.select(found, "validation")) == 2


def test_kaggles_layout_has_grades_and_warns_of_missing_rows(tmp_path, caplog):
    write(tmp_path / "train_images", "aa.png", "bb.png", "cc.png")
    write(tmp_path / "test_images", "dd.png")
    rows = "\n".join(["id_code,diagnosis", "aa,2", "bb,0", "cc,4", "gone1,1", "gone2,1"])
    (tmp_path / "train.csv").write_text(rows)
    found = {p.id: p for p in datasets.find(str(tmp_path))}
    assert [found[i].grade for i in ("aa", "bb", "cc", "dd")] == [2, 0, 4, None]
    assert found["dd"].split == "test"
    messages = [r.getMessage() for r in caplog.records]
    assert len(messages) == 1
    assert "2 of 5 photographs are missing (gone1, gone2)" in messages[0]


def test_the_reupload_with_doubled_folders_is_read(tmp_path):
    for name in ("train", "val", "test"):
        write(tmp_path / f"{name}_images" / f"{name}_images", f"{name}1.png", f"{name}2.png")
    (tmp_path / "train_1.csv").write_text("id_code,diagnosis\ntrain1,1\ntrain2,2\n")
    (tmp_path / "valid.csv").write_text("id_code,diagnosis\nval1,3\nval2,0\n")
    found = {p.id: (p.split, p.grade) for p in datasets.find(str(tmp_path))}
    assert found["train2"] == ("train", 2)
    assert found["val1"] == ("validation", 3)
    assert found["test1"] == ("test", None)


def test_masks_are_not_photographs(tmp_path):
    write(tmp_path / "images", "21_training.tif", "22_training.tif", "23_training.tif")
    write(tmp_path / "mask", "21_training_mask.png")
    write(tmp_path / "1st_manual", "21_manual1.png")
    write(tmp_path / "images", "Image_01L_1stHO.png")
    assert len(datasets.find(str(tmp_path))) == 3


def test_equal_names_in_two_folders_stay_apart(tmp_path):
    write(tmp_path / "train", "1.png", "2.png")
    write(tmp_path / "test", "1.png")
    assert set(splits(datasets.find(str(tmp_path)))) == {"train-1", "test-1", "2"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere", "does not exist"),
        ("empty", "no photographs in"),
        ("text", "no photographs in"),
        ("file.png", "is not a folder"),
        ("kaggle", "all of its 1 photographs are missing"),
        ("phantom:0", "use phantom:1 or more"),
    ],
)
def test_wrong_sources_are_refused_with_one_line(spec, message, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("a")
    write(tmp_path, "file.png")
    write(tmp_path / "kaggle" / "train_images", "other.png")
    (tmp_path / "kaggle" / "train.csv").write_text("id_code,diagnosis\ngone,1\n")
    with pytest.raises(UsageError, match=message) as error:
        datasets.find(spec if spec.startswith("phantom") else str(tmp_path / spec))
    assert "\n" not in str(error.value)


def test_what_cannot_be_decoded_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no png")
    with pytest.raises(UsageError, match=r"broken\.png"):
        datasets.find(str(tmp_path))[0].read()


def test_phantoms_are_photographs_too():
    found = datasets.find("phantom:10")
    assert [len(datasets.select(found, s)) for s in datasets.SPLITS] == [8, 1, 1]
    assert found[0].read().shape == (photograph.PHANTOM_SIZE, photograph.PHANTOM_SIZE, 3)
    assert len(datasets.find("phantom")) == photograph.DEFAULT_PHANTOMS


def test_the_number_of_phantoms():
    assert photograph.phantom_count("phantom:12") == 12
    assert photograph.phantom_count("phantom") == photograph.DEFAULT_PHANTOMS
    assert photograph.phantom_count("phantoms") is None
    with pytest.raises(UsageError, match="use phantom:4 or more"):
        photograph.phantom_count("phantom:3", least=4)


@pytest.mark.real
def test_the_real_collections_are_found_whole(real_data):
    counts = {
        name: [len(datasets.select(found, s)) for s in datasets.SPLITS]
        for name, spec in {
            "aptos": "aptos2019",
            "idrid": "idrid/images",
            "drive": "drive",
            "chase": "chase_db1",
        }.items()
        if (found := datasets.find(str(real_data / spec)))
    }
    assert sum(counts["aptos"]) == 41
    assert counts["aptos"][2] == 16
    assert (sum(counts["idrid"]), counts["idrid"][2]) == (81, 27)
    assert (sum(counts["drive"]), counts["drive"][2]) == (32, 12)
    assert sum(counts["chase"]) == 28


def test_without_a_test_part_a_tenth_of_train_becomes_it(tmp_path):
    """Kaggle's training part alone."""
    write(tmp_path / "train_images", *(f"{i}.png" for i in range(20)))
    found = datasets.find(str(tmp_path))
    assert [len(datasets.select(found, split)) for split in datasets.SPLITS] == [16, 2, 2]


def test_a_validation_folder_is_kept_where_a_test_part_is_drawn(tmp_path):
    write(tmp_path / "train", *(f"{i}.png" for i in range(10)))
    write(tmp_path / "val", "v.png")
    found = datasets.find(str(tmp_path))
    assert [p.id for p in datasets.select(found, "validation")] == ["v"]
    assert len(datasets.select(found, "test")) == 1


def test_what_macos_leaves_is_passed_over_in_one_line(tmp_path, caplog):
    caplog.set_level("INFO")
    write(tmp_path, "a.png", "b.png", ".hidden.png")
    for name in ("._a.png", "._train.csv", "__MACOSX/._b.png", "__MACOSX/deep/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    assert {p.id for p in datasets.find(str(tmp_path))} == {"a", "b", ".hidden"}
    assert caplog.text.count("4 files that macOS left") == 1


def test_links_are_followed_once_and_folders_keep_their_own_names(tmp_path):
    write(tmp_path / "store", "s.png")
    write(tmp_path / "in" / "z" / "test", "t.png")
    (tmp_path / "in" / "a").symlink_to(tmp_path / "in" / "z" / "test")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "back").symlink_to(tmp_path / "in")
    found = listing(tmp_path / "in")
    splits = {file.name: file.split for file in found.files}
    assert splits == {"more/s.png": "", "z/test/t.png": "test"}
    assert {reason for _, reason in found.left_out} == {"link to a folder read already"}


TABLES = {
    "other order": "diagnosis,note,id_code\n2,x,1\n0,y,2\n",
    "index of pandas": ",id_code,diagnosis\n0,1,2\n1,2,0\n",
    "floats": "id_code,diagnosis\n1.0,2.0\n2.0,0.0\n",
    "suffixes": "id_code,diagnosis\n1.png,2\ntrain_images/2.PNG,0\n",
    "windows": "id_code,diagnosis\r\nimages\\1.png,2\r\n2,0\r\n",
    "quotes": '"id_code","diagnosis"\n"1","2"\n"2","0"\n',
    "spaces": " ID_Code , Diagnosis \n 1 , 2 \n\n2,0\n , \n",
    "semicolons": "\ufeffid_code;diagnosis\r\n1;2,0\r\n2;0,0\r\n",
    "excel": "sep=;\r\nid_code;diagnosis\r\n1;2\r\n2;0\r\n",
    "tabs": "id_code\tdiagnosis\n1\t2\n2\t0\n",
    "old mac": "id_code,diagnosis\r1,2\r2,0\r",
    "empty ends": "id_code,diagnosis,,\n1,2,,\n2,0\n",
    "of 2015": "image,level\n1,2\n2,0\n",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_of_kaggle_pandas_and_spreadsheets_are_read(text, encoding, tmp_path):
    write(tmp_path, "1.png", "2.png")
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    assert {p.id: p.grade for p in datasets.find(str(tmp_path))} == {"1": 2, "2": 0}


def test_rows_that_cannot_be_used_are_named(tmp_path, caplog):
    write(tmp_path, "a.png", "b.png", "c.png")
    text = "id_code,diagnosis\na,1\na,2\n,3\nb,NaN\nc,2.5\n"
    (tmp_path / "labels.csv").write_text(text)
    assert {p.id: p.grade for p in datasets.find(str(tmp_path))} == {"a": 1, "b": None, "c": None}
    for message in (
        "1 of 5 rows have no id (line 4)",
        "1 of 4 rows give a photograph another grade than an earlier row (a)",
        "1 of 3 grades are not 0 to 4 and are ignored (c)",
    ):
        assert message in caplog.text
    (tmp_path / "labels.csv").write_text("id_code,diagnosis\na,1\nb,2,0\n")
    with pytest.raises(UsageError, match=r"labels\.csv, line 3: 3 cells, but 2 columns"):
        datasets.find(str(tmp_path))
