"""Fixtures for all tests: real photographs where they are, small networks, a clean dtype policy."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Escape what pytest-xdist cannot send: names of files that are no UTF-8, in captured text."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report


@pytest.fixture
def real_data() -> Path:
    """Folder of real photographs, or a skip that says where it would have to be."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("needs the photographs of ../shared/data")
    return folder


@pytest.fixture
def vgg_weights() -> Path:
    """ImageNet weights of VGG-19 without top, or a skip."""
    file = SHARED / "weights" / "vgg19_imagenet_notop.h5"
    if not file.is_file():
        pytest.skip("needs ../shared/weights/vgg19_imagenet_notop.h5")
    return file


@pytest.fixture(scope="module")
def chrome(tmp_path_factory):
    """A browser, for tests with the mark `needs_browser`."""
    from tests.browser import started

    browser = started(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@pytest.fixture(autouse=True)
def _float32():
    """A test that sets another dtype policy leaves none behind."""
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
