import pytest

from srgan_keras.training.signs import Signs


def lines(*rows, stage="stage2"):
    signs = Signs(stage)
    return [line for row in rows for line in signs.read(row)]


HEALTHY = {"discriminator": 1.0, "d_hr": 0.7, "d_sr": 0.3}
SATURATED = {"discriminator": 0.01, "d_hr": 0.999, "d_sr": 0.001}
AT_CHANCE = {"discriminator": 1.386, "d_hr": 0.5, "d_sr": 0.5}


@pytest.mark.parametrize(("row", "word"), [(SATURATED, "separates"), (AT_CHANCE, "at chance")])
def test_a_discriminator_is_judged_by_three_rows_and_once(row, word):
    assert lines(*[row] * 2, HEALTHY, *[row] * 2) == []
    (line,) = lines(HEALTHY, *[row] * 8)
    assert word in line
    assert "train.discriminator_" in line


def test_an_inert_adversarial_term_is_told():
    norms = {"pixel_gradient": 1.0, "content_gradient": 0.5}
    assert lines(HEALTHY | norms | {"adversarial_gradient": 0.1}) == []
    (line,) = lines(*[HEALTHY | norms | {"adversarial_gradient": 0.001}] * 2)
    assert "loss.adversarial_weight" in line


def test_stage_1_has_no_discriminator_to_judge():
    assert lines({"total": 1.0}, stage="stage1") == []
