import json

import numpy as np
import pytest

from srgan_keras.errors import UsageError
from srgan_keras.evaluation.segmenter import VesselReference, load_segmenter


def reads_red(image):
    """A segmenter that finds what is red."""
    return image[..., :1].astype(np.uint16) * 257


def frame(*places):
    image = np.zeros((100, 100, 3), np.uint8)
    for top, left in places:
        image[top : top + 4, left : left + 20] = 255
    return image


def test_vessels_of_two_frames_are_compared_in_the_mask():
    mask = np.ones((100, 100), bool)
    mask[90:] = False
    good = VesselReference(reads_red, frame((10, 10), (92, 10)), mask)
    same = good.compare(frame((10, 10)))
    assert same == {"vessel_dice": 1.0, "false_vessels_per_megapixel": 0.0}
    shifted = good.compare(frame((12, 10)))
    assert shifted["vessel_dice"] == pytest.approx(0.5)
    assert shifted["false_vessels_per_megapixel"] == 0
    more = good.compare(frame((10, 10), (50, 50), (70, 10)))
    assert more["vessel_dice"] == pytest.approx(0.5)
    around = 10 * 26  # the vessel and 3 px around it
    assert more["false_vessels_per_megapixel"] == pytest.approx(2e6 / (9000 - around))


@pytest.mark.parametrize(
    ("plan", "finished", "reason"),
    [
        (None, None, "no training of a segmenter"),
        ({"task": "vessels"}, True, "no training of a segmenter"),
        (
            {"task": "lesions", "network": "unet", "depth": 1, "width": 2},
            *(True, "give a segmenter of vessels"),
        ),
        (
            {"task": "vessels", "network": "unet", "depth": 1, "width": 2},
            *(False, "is not finished: resume it"),
        ),
    ],
)
def test_other_folders_are_refused(plan, finished, reason, tmp_path):
    if plan:
        (tmp_path / "config.yaml").write_text(json.dumps(plan))
        (tmp_path / "run.json").write_text(json.dumps({"finished": finished}))
    with pytest.raises(UsageError, match=reason):
        load_segmenter(tmp_path)
