"""The page of `srgan-keras app` in a real browser, served by the command itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from srgan_keras import cli
from srgan_keras.data.image_file import ImageFile
from srgan_keras.inference.image_files import write
from srgan_keras.phantoms.phantom import phantom

pytest.importorskip("gradio", reason="needs the extra app")
webdriver = pytest.importorskip("selenium.webdriver", reason="needs Selenium")
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

from tests.browser import needs_browser  # noqa: E402

PATIENCE = 300  # s, of a machine that does much else
ROOT = Path(__file__).resolve().parents[2]

pytestmark = needs_browser


class Served:
    """The command, and the folders in which it could leave something."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folders = {name: folder / name for name in ("tmp", "home", "cwd")}
        for made in self.folders.values():
            made.mkdir()
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.folders["tmp"]),
            "HOME": str(self.folders["home"]),
            # the settings of libraries, which every command makes
            "KERAS_HOME": str(folder / "keras"),
            "MPLCONFIGDIR": str(folder / "matplotlib"),
        }
        command = [sys.executable, "-m", "srgan_keras", "app", "--port", str(self.port)]
        self.stderr = folder / "stderr"
        with self.stderr.open("w") as stderr:
            self.process = subprocess.Popen(
                [*command, "--megapixels", "12.5"],
                cwd=self.folders["cwd"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.line = self.process.stdout.readline()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def uploads(self) -> list[Path]:
        files = [file for file in self.folders["tmp"].rglob("*") if file.is_file()]
        return [file for file in files if file.stat().st_size]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    try:
        assert served.url[:-1] in served.line, served.stderr.read_text()
        yield served
    finally:
        served.process.kill()
        served.process.communicate()


@pytest.fixture
def page(chrome: "webdriver.Chrome", served: Served) -> "webdriver.Chrome":
    chrome.set_window_size(1200, 900)
    opened(chrome, served)
    return chrome


def opened(chrome: "webdriver.Chrome", served: Served) -> None:
    chrome.get(served.url)
    until(chrome, lambda: found(chrome, "#photograph input[type=file]"))


def until(chrome: "webdriver.Chrome", holds: Callable[[], object]) -> object:
    replaced = (StaleElementReferenceException,)  # the page redraws its elements
    return WebDriverWait(chrome, PATIENCE, 0.1, replaced).until(lambda _: holds())


def found(page: "webdriver.Chrome", selector: str) -> list:
    return page.find_elements(By.CSS_SELECTOR, selector)


def one(page: "webdriver.Chrome", selector: str):
    return until(page, lambda: found(page, selector))[0]


def drop(page: "webdriver.Chrome", file: Path) -> None:
    one(page, "#photograph input[type=file]").send_keys(str(file))
    until(page, lambda: file.name in one(page, "#preview").text)


def chosen(page: "webdriver.Chrome", model: str) -> None:
    field = one(page, "#model input")
    field.click()
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(Keys.NULL, model)
    until(page, lambda: [o for o in found(page, "[role=option]") if model in o.text])
    field.send_keys(Keys.ENTER)


def upscaled(page: "webdriver.Chrome") -> None:
    one(page, "#start").click()
    one(page, "before-after .whole")


def result(page: "webdriver.Chrome", format: str = "PNG") -> bytes:
    (link,) = [a for a in found(page, ".downloads a") if a.text == format]
    return fetched(link.get_attribute("href"))


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.read()


def expected(file: Path, *options: str) -> Path:
    out = file.parent / "upscaled"
    assert cli.main(["upscale", "fundus-x4", str(file), "--out", str(out), *options]) == 0
    form = options[options.index("--format") + 1] if "--format" in options else "png"
    return out / f"{file.stem}.{form}"


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A TIFF file of 16 bits."""
    image = phantom(5, 72).image.astype(np.uint16) * 257
    write(tmp_path / "eye.tif", ImageFile(image, density=(1e5, 1e5)))
    return tmp_path / "eye.tif"


def test_a_download_is_the_file_that_upscale_writes(page, served, photograph):
    drop(page, photograph)
    upscaled(page)
    assert result(page) == expected(photograph).read_bytes()
    assert result(page, "TIFF") == expected(photograph, "--format", "tiff").read_bytes()
    notice, stage = one(page, "before-after .notice"), one(page, ".stage")
    assert notice.text == "Synthetic detail, research use only"
    assert notice.location["y"] < stage.location["y"]
    assert "srgan-keras upscale fundus-x4 eye.tif" in page.page_source
    assert not served.uploads()


def test_the_page_asks_nobody_else(page, served, photograph):
    drop(page, photograph)
    upscaled(page)
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    params = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    sent = [p["request"]["url"] for p in params if p["documentURL"].startswith("http")]
    assert len(sent) > 20
    assert not [url for url in sent if not url.startswith((served.url, "data:", "blob:"))]
    assert not [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_divider_and_the_zoom_by_keyboard(page, photograph):
    drop(page, photograph)
    upscaled(page)
    slider, stage = one(page, ".divider"), one(page, ".stage")
    at = slider.get_property("valueAsNumber")
    slider.send_keys(Keys.ARROW_LEFT)
    assert slider.get_property("valueAsNumber") < at
    stage.send_keys("+++")
    zoomed = until(page, lambda: one(page, ".detail").get_attribute("style"))
    stage.send_keys(Keys.ARROW_RIGHT)
    until(page, lambda: one(page, ".detail").get_attribute("style") != zoomed)
    sr = Image.open(BytesIO(result(page))).convert("RGB")
    token = found(page, "before-after")[0].get_attribute("data-source")
    box = "top=30&left=20&bottom=50&right=40"
    view = f"{page.current_url.rstrip('/')}{token}/after?{box}"
    shown = np.asarray(Image.open(BytesIO(fetched(view))).convert("RGB"))
    assert shown.shape == (80, 80, 3)
    sr16 = cv2.imdecode(np.frombuffer(result(page), np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]
    crop = sr16[120:200, 80:160]
    np.testing.assert_allclose(shown, crop / 257, atol=0.51)
    assert sr.size == (288, 288)
    stage.send_keys("0")
    until(page, lambda: not found(page, ".detail"))


def test_the_guard_shows_its_maps(page, tmp_path):
    write(tmp_path / "eye.png", ImageFile(phantom(5, 48).image))
    drop(page, tmp_path / "eye.png")
    found(page, "#method input")[2].click()
    upscaled(page)
    assert result(page) == expected(tmp_path / "eye.png", "--guard").read_bytes()
    maps = Select(one(page, '[data-do="map"]'))
    names = [option.get_attribute("value") for option in maps.options]
    assert names == ["", "uncertainty", "consistency", "fallback", "detail"]
    for name in names[1:]:
        maps.select_by_value(name)
        until(page, lambda name=name: found(page, f'.sheet[data-name="{name}"] img'))
    assert "flagged" in one(page, ".verdict").text
    assert "The guard: " in one(page, "before-after .facts").text


def test_the_keyboard_alone(page):
    def focused_until(id_: str) -> None:
        for _ in range(40):
            active = page.switch_to.active_element
            if active.get_attribute("id") == id_:
                return
            active.send_keys(Keys.TAB)
        pytest.fail(f"no focus on {id_}")

    one(page, "body").send_keys(Keys.TAB)
    focused_until("example-0")
    page.switch_to.active_element.send_keys(Keys.ENTER)
    until(page, lambda: "phantom-1.png" in one(page, "#preview").text)
    focused_until("start")
    page.switch_to.active_element.send_keys(Keys.ENTER)
    one(page, "before-after .whole")
    assert Image.open(BytesIO(result(page))).format == "PNG"


def test_a_bad_file_is_refused_in_one_line(page, served, tmp_path):
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    drop(page, tmp_path / "damaged.png")
    assert one(page, ".refused").text == "damaged.png is refused: truncated or damaged."
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((3600, 3600), np.uint8))
    drop(page, tmp_path / "large.png")
    assert "more than the 12.5 megapixels" in one(page, ".refused").text
    assert not served.uploads()
    assert "Traceback" not in served.stderr.read_text()


def test_nothing_is_wider_than_a_narrow_screen(page, photograph):
    page.set_window_size(400, 800)
    drop(page, photograph)
    upscaled(page)
    width = page.execute_script("return document.documentElement.scrollWidth")
    assert width <= page.execute_script("return innerWidth")
    stage = one(page, ".stage").rect
    assert 0 <= stage["x"] < stage["x"] + stage["width"] <= 400


def test_a_closed_page_is_forgotten(page, served, photograph):
    drop(page, photograph)
    source = one(page, "#preview img").get_attribute("src")
    assert fetched(source)
    page.get("about:blank")
    until(page, lambda: status(source) == 404)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_page_elsewhere_gets_no_answer(served):
    request = urllib.request.Request(served.url, headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=PATIENCE)


@pytest.mark.slow
def test_two_users_at_once(page, served, tmp_path):
    """Each has a window of its own, and gets a result of its own photograph."""
    windows = []
    for seed in (1, 2):
        file = tmp_path / f"eye-{seed}.png"
        write(file, ImageFile(phantom(seed, 320).image))
        if seed == 2:
            page.switch_to.new_window("tab")
            opened(page, served)
        windows.append((page.current_window_handle, file))
        drop(page, file)
        one(page, "#start").click()
    try:
        for window, file in windows:
            page.switch_to.window(window)
            one(page, "before-after .whole")
            assert result(page) == expected(file).read_bytes()
    finally:
        page.close()
        page.switch_to.window(windows[0][0])


@pytest.mark.skipif("SRGAN_KERAS_LARGE" not in os.environ, reason="set SRGAN_KERAS_LARGE: minutes")
@pytest.mark.timeout(3600)
def test_twelve_megapixels_go_through(page, tmp_path):
    file = tmp_path / "large.png"
    image = np.zeros((3000, 4000, 3), np.uint8)  # the surround costs the model no time
    image[700:2300, 1200:2800] = phantom(3, 1600).image
    write(file, ImageFile(image))
    drop(page, file)
    one(page, "#start").click()
    WebDriverWait(page, 1800).until(lambda _: found(page, "before-after .whole"))
    data = result(page)
    assert data == expected(file).read_bytes()
    del data
    for selector in ('[data-do="pixels"]', '[data-do="in"]'):
        one(page, selector).click()
        one(page, ".detail")
    assert [a.text for a in found(page, ".downloads a")] == ["PNG", "TIFF", "JPEG", "WebP"]


def test_nothing_is_left(chrome, served, photograph):
    """The last test: it ends the command while a photograph is on the page."""
    opened(chrome, served)
    drop(chrome, photograph)
    upscaled(chrome)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(PATIENCE) == 143
    assert "Traceback" not in served.stderr.read_text()
    left = {name: list(folder.rglob("*")) for name, folder in served.folders.items()}
    assert left == {"tmp": [], "home": [], "cwd": []}
