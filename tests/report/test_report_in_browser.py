"""The report in a real browser: Chromium or Chrome with its driver."""

import json
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from srgan_keras.data import datasets
from srgan_keras.evaluate import evaluate
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.evaluation.trust import Trust
from srgan_keras.report import page as report
from tests.browser import needs_browser
from tests.report.test_gallery import Linear

pytestmark = needs_browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("measured")
    models = [Linear("first"), Linear("second")]
    standard = Standard(hr_long_side=128)
    evaluate(models, datasets.find("phantom:5"), [standard], out, "phantom:5", [Trust()])
    return report.write(out)


@pytest.fixture
def page(chrome: webdriver.Chrome, page_file: Path) -> webdriver.Chrome:
    chrome.set_window_size(1200, 900)
    chrome.get(page_file.as_uri())
    return chrome


def find(page: webdriver.Chrome, id_: str) -> WebElement:
    return page.find_element(By.ID, id_)


def order(page: webdriver.Chrome) -> list[float]:
    """Return the values beneath the thumbnails, in the order in which they stand."""
    return [float(e.text) for e in page.find_elements(By.CSS_SELECTOR, "#gallery output")]


def divider(page: webdriver.Chrome) -> float:
    return float(page.execute_script("return stage.style.getPropertyValue('--at')").rstrip("%"))


def drag(page: webdriver.Chrome, start: tuple[float, float], by: tuple[int, int]) -> None:
    """Drag on the picture; `start` is in shares of its sides, from its middle."""
    stage = find(page, "stage")
    page.execute_script("stage.scrollIntoView({block: 'center'})")
    offset = (
        int(share * stage.size[side])
        for share, side in zip(start, ("width", "height"), strict=True)
    )
    move = ActionChains(page).move_to_element_with_offset(stage, *offset).click_and_hold()
    move.move_by_offset(*by).release().perform()


def transforms(page: webdriver.Chrome) -> set[str]:
    images = page.find_elements(By.CSS_SELECTOR, ".stage img:not([hidden])")
    assert len(images) == 2
    return {image.value_of_css_property("transform") for image in images}


def test_it_loads_alone_and_without_an_error(page: webdriver.Chrome):
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    own = [s["request"]["url"] for s in sent if s["documentURL"] == page.current_url]
    assert {url.partition(":")[0] for url in own} == {"file", "data"}
    assert page.get_log("browser") == []
    broken = "[...document.images].filter(i => i.src && i.complete && !i.naturalWidth)"
    assert page.execute_script(f"return {broken}.length") == 0


def test_nothing_is_wider_than_a_narrow_screen(page: webdriver.Chrome):
    page.set_window_size(400, 800)
    width = page.execute_script("return document.documentElement.scrollWidth")
    assert width <= page.execute_script("return window.innerWidth")


def test_the_divider_by_mouse_and_by_keyboard(page: webdriver.Chrome):
    slider = find(page, "divider")
    assert divider(page) == 50
    slider.send_keys(Keys.ARROW_RIGHT)
    assert divider(page) == 51
    width = slider.size["width"]
    move = ActionChains(page).move_to_element(slider).click_and_hold()
    move.move_by_offset(-width // 4, 0).release().perform()
    assert divider(page) == pytest.approx(25, abs=3)
    drag(page, (-0.25, 0.1), (width // 2, 0))
    assert divider(page) == pytest.approx(75, abs=3)
    assert find(page, "divider").get_property("valueAsNumber") == pytest.approx(divider(page))
    clip = page.find_element(By.CSS_SELECTOR, ".pane.left").value_of_css_property("clip-path")
    assert "inset" in clip


def test_both_sides_zoom_and_move_together(page: webdriver.Chrome):
    stage = find(page, "stage")
    before = transforms(page)
    stage.send_keys("+++")
    zoomed = transforms(page)
    stage.send_keys(Keys.ARROW_RIGHT)
    moved = transforms(page)
    drag(page, (0.3, 0), (30, 20))
    dragged = transforms(page)
    assert divider(page) == 50
    stage.send_keys("0")
    assert all(len(found) == 1 for found in (before, zoomed, moved, dragged))
    assert len(before | zoomed | moved | dragged) == 4
    assert transforms(page) == before


def test_what_is_shown_is_what_was_chosen(page: webdriver.Chrome):
    def source(selector: str) -> str:
        return page.execute_script(f"return document.querySelector({selector!r}).src")

    crop = Select(find(page, "crop"))
    crop.select_by_index(len(crop.options) - 1)
    Select(find(page, "left")).select_by_visible_text("HR")
    Select(find(page, "map")).select_by_visible_text("second: departure")
    section = ".crops section:last-of-type"
    assert source('[data-side="left"]') == source(f'{section} [data-layer="HR"]')
    assert source('[data-side="right"]') == source(f'{section} [data-layer="second"]')
    assert source('[data-side="map"]') == source(f'{section} [data-map="second: departure"]')
    caption = find(page, "caption").text
    assert caption.startswith("Left: HR. Right: second (inner psnr ")


def test_sorting_by_mouse_and_by_keyboard(page: webdriver.Chrome):
    assert order(page) == sorted(order(page), reverse=True)
    Select(find(page, "order")).select_by_visible_text("smallest first")
    assert order(page) == sorted(order(page))
    before = order(page)
    find(page, "metric").send_keys(Keys.ARROW_DOWN)
    assert order(page) != before
    assert order(page) == sorted(order(page))


def test_a_thumbnail_opens_its_crop(page: webdriver.Chrome):
    buttons = page.find_elements(By.CSS_SELECTOR, "#gallery button")
    assert buttons
    buttons[-1].send_keys(Keys.ENTER)
    name = buttons[-1].find_element(By.XPATH, "..").get_attribute("data-id")
    chosen = Select(find(page, "crop")).first_selected_option.text
    assert chosen.startswith(name)


def test_print_shows_every_crop(page: webdriver.Chrome):
    assert page.print_page()
    assert find(page, "viewer").is_displayed()
    closed = page.find_elements(By.CSS_SELECTOR, "details.printed:not([open])")
    assert not closed
