"""The page in a real browser, over a predictor whose estimates are known."""

import io
import time
from urllib.parse import urlsplit

import browser
import pytest
from fake_predictor import FakePredictor
from PIL import Image

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogue")
    for number in range(5):
        Image.new("RGB", (60, 80), (40 * number, 90, 120)).save(folder / f"{number}.png")
    return FakePredictor(tuple(sorted(folder.iterdir())))


@pytest.fixture(scope="module")
def address(predictor):
    from pricing.page.server import serve

    with serve(predictor, port=browser.free_port(), waiting=1) as served:
        yield served


@pytest.fixture
def visit(chromium, address, tmp_path):
    """visit("?lang=ko", locale=...) -> Visitor"""
    visitors = []

    def come(query: str = "", **options) -> browser.Visitor:
        visitors.append(browser.Visitor(chromium, address + query, tmp_path, **options))
        return visitors[-1]

    yield come
    for each in visitors:
        each.context.close()


@pytest.fixture(scope="module")
def folder(address):
    """Where the server keeps uploads."""
    import os
    from pathlib import Path

    return Path(os.environ["GRADIO_TEMP_DIR"])


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my secret place.jpg"
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif[0x0112] = 6
    Image.new("RGB", (300, 400), "teal").save(path, exif=exif)
    return path


def photos(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def until(true, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def test_upload_is_priced_shown_whole_and_leaves_no_trace(visit, photo, folder, predictor):
    visitor = visit()
    visitor.shot("empty")
    assert "The price appears here" in visitor.page.inner_text("#result")
    visitor.add(photo)
    card = visitor.ask()
    visitor.shot("result")
    for shown in ("$24.50", "$14.99", "$39.00", "Bottomwear", "97 % sure", "fake", "2026-01-31"):
        assert shown in card
    assert "stand in for resale prices" in visitor.page.inner_text("#notes")
    assert predictor.inputs[-1].image.size == (400, 300), "turned as the camera noted"
    assert visitor.page.locator("#result .comparables img").count() == 5
    drawn = visitor.page.get_attribute("#result svg.chart", "aria-label")
    assert "$24.50" in drawn and "$49.00" in drawn
    assert visitor.page.locator("#result svg.chart circle").count() == 5

    # Everything came from this server.
    hosts = {urlsplit(url).hostname for url in visitor.requests if not url.startswith("data:")}
    assert hosts == {"127.0.0.1"}

    # On disk: a plain copy under a name of ours, gone when the visitor goes.
    (kept,) = photos(folder)
    assert kept.name == "photo.jpg"
    assert b"A camera" not in kept.read_bytes() and b"Exif" not in kept.read_bytes()
    visitor.context.close()
    assert until(lambda: not photos(folder)), "the photo outlived the visit"
    assert not visitor.errors


def test_text_alone_by_keyboard(visit, predictor):
    visitor = visit()
    visitor.page.focus("#text textarea")
    visitor.page.keyboard.type("Levi's 501, dark blue")
    visitor.page.keyboard.press("Enter")
    assert "$24.50" in visitor.card(".card.result")
    assert predictor.inputs[-1].text == "Levi's 501, dark blue"
    assert predictor.inputs[-1].image is None

    # From the text the button is a few steps on, and Enter presses it.
    visitor.page.reload()
    visitor.page.wait_for_selector("#header h1")
    visitor.page.focus("#text textarea")
    visitor.page.keyboard.type("a red dress")
    for _ in range(10):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.id") == "go":
            break
    assert visitor.page.evaluate("document.activeElement.id") == "go"
    visitor.page.keyboard.press("Enter")
    visitor.card(".card.result")
    assert predictor.inputs[-1].text == "a red dress"


def test_a_picture_of_the_camera_is_priced(visit, predictor, folder):
    visitor = visit(permissions=["camera"])
    visitor.page.click("#photo [aria-label='Capture from camera']")
    visitor.page.click("#photo button:has(.icon-wrap)")
    # Before the first frame is there, there is nothing to capture.
    visitor.page.wait_for_function(
        "document.querySelector('#photo video')?.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA"
    )
    visitor.page.click("#photo [aria-label='capture photo']")
    visitor.page.wait_for_selector("#photo img")
    visitor.ask()
    assert min(predictor.inputs[-1].image.size) > 200
    assert {path.name for path in photos(folder)} == {"photo.jpg"}


def test_known_fields_reach_the_predictor(visit, predictor):
    visitor = visit()
    visitor.page.fill("#brand textarea, #brand input", "Levi's")
    visitor.page.click("#known button")
    visitor.page.click("#category input")
    visitor.page.get_by_role("option", name="Bottomwear").click()
    visitor.write("jeans")
    visitor.shot("known")
    visitor.ask()
    assert predictor.inputs[-1].fields == {"brand": "Levi's", "normalized_category": "Bottomwear"}


def test_a_broken_file_is_told_and_forgotten(visit, photo, folder, tmp_path):
    broken = tmp_path / "photo.jpg"
    broken.write_bytes(b"<script>alert(1)</script> no picture")
    visitor = visit()
    visitor.page.set_input_files("#photo input[type=file]", broken)
    assert "not a photo that can be read" in visitor.card(".failed")
    visitor.shot("broken")
    assert until(lambda: visitor.page.locator("#photo img").count() == 0)
    assert not [path for path in photos(folder) if path.stat().st_size > 2000]
    visitor.write("jeans all the same")
    assert "$24.50" in visitor.ask()


def test_thirty_megapixels_are_priced_and_a_bomb_is_not(visit, tmp_path, predictor):
    large, bomb = tmp_path / "large.jpg", tmp_path / "bomb.png"
    Image.new("RGB", (6400, 4800), "olive").save(large, quality=80)
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, "PNG")
    bomb.write_bytes(out.getvalue())
    visitor = visit()
    visitor.add(large)
    assert "$24.50" in visitor.ask()
    assert max(predictor.inputs[-1].image.size) <= 1600
    visitor.page.click("#again")
    visitor.card(".empty")
    visitor.page.set_input_files("#photo input[type=file]", bomb)
    assert "64 million pixels" in visitor.card(".failed")


def test_korean_by_browser_by_address_and_by_switch(visit, predictor):
    visitor = visit(locale="ko-KR", color_scheme="dark", **PHONE)
    assert visitor.page.inner_text("#go") == "가격 알아보기"
    visitor.write("리바이스 501 청바지, 진한 파랑")
    card = visitor.ask()
    visitor.shot("korean-phone")
    assert "적정 가격" in card and "하의" in card and "비교 상품" in card
    assert predictor.inputs[-1].text == "리바이스 501 청바지, 진한 파랑"
    assert visitor.page.evaluate("document.documentElement.lang") == "ko"
    # A telephone: nothing is wider than it, and the answer has been scrolled to.
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert (
        visitor.page.evaluate("document.getElementById('side').getBoundingClientRect().top") < 422
    )
    # The switch keeps what was written and says the same answer in the other language.
    visitor.page.click("#language label:has-text('English')")
    visitor.page.wait_for_selector("text=A fair price")
    assert visitor.page.input_value("#text textarea") == "리바이스 501 청바지, 진한 파랑"
    assert "lang=en" in visitor.page.url
    assert visit("?lang=ko").page.inner_text("#go") == "가격 알아보기"


HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> ${alert(2)} {{value}}"


def test_what_visitors_and_listings_write_is_only_text(visit):
    visitor = visit()
    visitor.write(HOSTILE)
    card = visitor.ask()
    visitor.shot("hostile")
    assert HOSTILE in card, "shown as it was written"
    assert visitor.page.locator("#result script, #result img[src=x]").count() == 0
    assert not visitor.dialogs


def test_refusals_and_errors_are_cards_too(visit, capfd):
    visitor = visit()
    assert "No price for this one" in visitor.ask(".refused")
    visitor.shot("refused")
    visitor.write("please fail with my secret words")
    assert "Try again" in visitor.ask(".failed")
    visitor.shot("failed")
    said = "".join(capfd.readouterr())
    assert "secret words" not in said


def test_two_at_once_and_a_third_too_many(visit, predictor):
    predictor.go_on.clear()
    first, second, third = visit(), visit(locale="ko-KR"), visit()
    for each, text in ((first, "wait, one"), (second, "wait, two")):
        each.write(text)
        each.page.click("#go")
        each.card(".loading")
    first.shot("loading")
    third.write("wait, three")
    assert "Busy just now" in third.ask(".busy")
    third.shot("busy")
    predictor.go_on.set()
    assert "wait, one" in first.card(".card.result")
    assert "wait, two" in second.card(".card.result")
    assert "적정 가격" in second.page.inner_text("#result")
    assert "wait, three" in third.ask()
