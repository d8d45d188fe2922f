import math

import numpy as np
import pytest

from srgan_keras.config import Clinical, Generator
from srgan_keras.data import datasets
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.evaluation.validation import Validation
from srgan_keras.models.generator import build_generator


@pytest.mark.parametrize(("scale", "reference"), [(1, "input_psnr"), (2, "bicubic_psnr")])
def test_validation_compares_with_the_reference(scale, reference):
    drawn = []
    photographs = datasets.find("phantom:2")
    faulty = Clinical(clean_share=0.0)
    standard = Standard(scale, "clinical", 64, clinical=faulty)
    validation = Validation(photographs, standard, lambda *facts: drawn.append(facts))
    found = validation.of("stage1", build_generator(Generator(1, 4), scale))(7)
    assert list(found) == ["val_psnr", reference]
    assert np.isfinite(list(found.values())).all()
    lr, sr, hr, name = drawn[0]
    assert (lr.shape[0] * scale, sr.shape, name) == (hr.shape[0], hr.shape, "stage1-0000007.png")


def test_an_input_without_a_fault_has_no_psnr():
    standard = Standard(1, "clinical", 64, clinical=Clinical(clean_share=1.0))
    validation = Validation(datasets.find("phantom:1"), standard, lambda *_: None)
    found = validation.of("stage1", build_generator(Generator(1, 4), 1))(1)
    assert math.isnan(found["input_psnr"])
    assert math.isfinite(found["val_psnr"])
