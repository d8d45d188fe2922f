"""Chromium or Chrome with its driver, for the tests of pages."""

import shutil
from pathlib import Path

import pytest
from selenium import webdriver

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking")

_browser = next(filter(None, map(shutil.which, BROWSERS)), None)
_driver = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (_browser and _driver), reason="needs Chromium and chromedriver on the PATH"
)


def started(profile: Path) -> webdriver.Chrome:
    """Start it without a window; `profile` is an empty folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = _browser
    for option in (*OPTIONS, f"user-data-dir={profile}"):
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(_driver))
