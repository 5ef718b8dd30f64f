"""The page's parts without a browser: words, card, chart, middleware, form, and how it starts."""

import asyncio
import io
import json
import os
import re
import socket
from pathlib import Path

import browser
import pytest
from fake_predictor import FakePredictor
from PIL import Image
from shell import run_stage

from common.artifacts import StageError
from common.merge.taxonomy import CATEGORIES, GENDERS, USAGES
from pricing import predictor, strings, uploads
from pricing.page import card, chart, form
from pricing.page.middleware import PageMiddleware, multipart_file, rejection_code
from pricing.predictor import DOUBTS, REFUSALS, ListingInput


def jpeg(size=(40, 30), **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "JPEG", **options)
    return out.getvalue()


# Words


def test_every_code_and_label_has_words_in_both_languages():
    for language in strings.LANGUAGES:
        for code in (*REFUSALS, *DOUBTS):
            assert strings.reason(language, code)
        for code in uploads.CODES:
            assert strings.photo_problem(language, code)
    for value in (*CATEGORIES, *GENDERS, *USAGES):
        assert strings.word("en", value) == value
        assert strings.word("ko", value) != value
    for text in strings.TRANSLATIONS.values():
        assert set(re.findall(r"{\w+}", text["en"])) == set(re.findall(r"{\w+}", text["ko"]))
        assert re.search("[가-힣]", text["ko"])


def test_limits_are_named_as_they_are():
    for language in strings.LANGUAGES:
        limit = strings.sentence(language, "text_too_long")
        assert f"{form.MAX_CHARACTERS:,}" in limit
        assert f"{predictor.READ_CHARACTERS:,}" in strings.reason(language, "text_truncated")
        assert f"{uploads.MAX_BYTES >> 20} MB" in strings.photo_problem(language, "too_large")


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        (None, None, "en"),
        (None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, "de-DE,de;q=0.9,ko;q=0.5", "ko"),
        ("en", "ko-KR", "en"),
        ("<script>", "fr", "en"),
    ],
)
def test_language_follows_the_address_then_the_browser(wanted, accepted, language):
    assert strings.choose_language(wanted, accepted) == language


def test_prices_in_words():
    assert [strings.usd(x) for x in (5, 19.989, 1234.5)] == ["$5.00", "$19.99", "$1,234"]


# Card and chart


@pytest.fixture
def answer():
    return FakePredictor().predict([ListingInput("jeans")])[0]


def test_card_shows_the_answer_and_escapes_what_others_wrote(answer):
    html = card.result("en", answer, {**FakePredictor.training, "data": "<i>mine</i>"})
    for shown in (
        "$24.50",
        "$14.99",
        "97 % sure",
        "brand (Levi&#39;s) adds $6.40; the photo takes",
        "&lt;script&gt;alert(1)",
        "&lt;i&gt;mine",
    ):
        assert shown in html
    assert "<script" not in html and "<i>mine" not in html


def test_card_of_a_refusal_names_the_reason_and_no_price():
    refused = FakePredictor().predict([ListingInput()])[0]
    html = card.result("ko", refused, FakePredictor.training)
    assert strings.reason("ko", "no_input") in html
    assert '"price"' not in html and "<svg" not in html


def test_a_comparable_whose_picture_is_gone_or_broken_is_shown_without(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no")
    assert card.data_uri(broken) is None
    assert card.data_uri(tmp_path / "gone.jpg") is None
    (tmp_path / "whole.jpg").write_bytes(jpeg())
    assert card.data_uri(tmp_path / "whole.jpg").startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(
    ("price", "low", "high", "others"),
    [
        (24.5, 15, 39, [19.99, 24, 24.5, 29.99, 49]),
        (24.5, 24.4, 24.6, [24.5] * 5),
        (5, 1, 900, [3, 4, 5, 6, 7]),
        (8, 8, 8, []),
        (1234, 1000, 1500, [5.99]),
    ],
)
def test_everything_drawn_lies_inside_the_chart(price, low, high, others):
    svg = chart.draw("en", price, low, high, others)
    xs = [float(x) for x in re.findall(r'\b(?:x|cx|x1|x2)="(-?[\d.]+)"', svg)]
    ys = [float(y) for y in re.findall(r'\b(?:y|cy|y1|y2)="(-?[\d.]+)"', svg)]
    assert xs and min(xs) >= 0 and max(xs) <= chart.WIDTH
    assert min(ys) >= 0 and max(ys) <= chart.HEIGHT
    assert svg.count("<circle") == len(others)
    for usd in (price, low, high):
        assert strings.usd(usd) in re.search('aria-label="([^"]+)"', svg)[1]


def test_dots_that_would_hide_each_other_stand_in_rows():
    assert chart.stack([10, 11, 50, 10], 5) == [0, 2, 0, 1]
    assert chart.ticks(0, 53) == [0, 20, 40]


# Middleware


def asked(method: str, path: str, body: bytes = b"", headers=(), folder=None):
    """(status, headers, what the server behind the middleware was sent or None)."""
    reached = []

    async def server(scope, receive, send):
        message = await receive() if scope["method"] == "POST" else {}
        reached.append((dict(scope["headers"]), message.get("body", b"")))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in headers],
    }
    sent = []
    chunks = [body[i : i + 2**20] for i in range(0, len(body), 2**20)] or [b""]

    async def receive():
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message):
        sent.append(message)

    asyncio.run(PageMiddleware(server, folder)(scope, receive, send))
    heads = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], heads, reached[0] if reached else None


def uploaded(data: bytes, tmp_path, name: str = "../../etc/passwd"):
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + b"\r\n--b--\r\n"
    headers = [("content-type", "multipart/form-data; boundary=b")]
    return asked("POST", "/gradio_api/upload", body, headers, tmp_path)


def test_few_routes_are_open(tmp_path):
    for method, path in [("GET", "/"), ("GET", "/assets/a.js"), ("GET", "/theme.css")]:
        status, heads, _ = asked(method, path, folder=tmp_path)
        assert status == 200
        assert "default-src 'self'" in heads["content-security-policy"]
    for method, path in [
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/proxy=https://example.com"),
        ("GET", "/monitoring"),
        ("GET", "/docs"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-edit/"),
        ("POST", "/gradio_api/call/ask"),
        ("DELETE", "/"),
    ]:
        assert asked(method, path, folder=tmp_path)[0] == 404, path


def test_only_uploads_are_served_as_files(tmp_path):
    inside = tmp_path / "uploads" / "a" / "photo.jpg"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(jpeg())
    (tmp_path / "secret.txt").write_text("x")
    (inside.parent / "link").symlink_to(tmp_path / "secret.txt")
    base = "/gradio_api/file="
    assert asked("GET", f"{base}{inside}", folder=tmp_path / "uploads")[0] == 200
    for path in (
        tmp_path / "secret.txt",
        inside.parent / "link",
        inside.parent / ".." / ".." / ".." / "secret.txt",
        "https://example.com/a.jpg",
        "a\0b",
    ):
        assert asked("GET", f"{base}{path}", folder=tmp_path / "uploads")[0] == 404, path


def test_a_photo_reaches_the_server_bare_and_under_our_name(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    status, _, (heads, body) = uploaded(jpeg(exif=exif), tmp_path)
    assert status == 200
    assert b'filename="photo.jpg"' in body and b"passwd" not in body
    assert b"A camera" not in body and b"Exif" not in body
    assert heads[b"content-length"] == str(len(body)).encode()
    data = multipart_file(heads[b"content-type"].decode(), body)
    assert Image.open(io.BytesIO(data)).size == (40, 30)
    again = uploaded(jpeg(), tmp_path)[2][1]
    assert again != uploaded(jpeg(), tmp_path)[2][1], "no two visitors share a file"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GIF89a<script>", "damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (b"", "empty"),
        (bytes(uploads.MAX_BYTES + 1), "too_large"),
        (bytes(uploads.MAX_BYTES + 10_000), "too_large"),
        (jpeg()[:300], "damaged"),
    ],
    ids=["half a gif", "svg", "empty", "large", "larger", "half a jpeg"],
)
def test_a_photo_not_taken_arrives_as_its_reason(data, code, tmp_path):
    status, _, (_, body) = uploaded(data, tmp_path)
    assert status == 200
    (name,) = re.findall(rb'filename="(\w+)\.jpg"', body)
    assert name.decode() in uploads.CODES
    assert rejection_code(f"{tmp_path}/x/{name.decode()}.jpg") == name.decode()
    assert name.decode() == code or code == "damaged"
    assert len(body) < 2000


def test_forms_of_another_shape_are_refused(tmp_path):
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\n' + jpeg()
    for kind, body in [
        ("multipart/form-data; boundary=b", part + b"\r\n" + part + b"\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", part),
        ("multipart/form-data", part + b"\r\n--b--\r\n"),
        ("image/jpeg", jpeg()),
    ]:
        got = asked("POST", "/gradio_api/upload", body, [("content-type", kind)], tmp_path)
        assert got[0] == 400 and got[2] is None


def test_questions_are_small_json_that_names_no_other_file(tmp_path):
    def ask(value) -> int:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return asked("POST", "/gradio_api/queue/join", body, (), tmp_path)[0]

    mine = tmp_path / "photo.jpg"
    mine.write_bytes(jpeg())
    assert ask({"data": ["en", {"path": str(mine)}, "jeans"]}) == 200
    assert ask({"data": ["en", {"path": "/etc/passwd"}, "jeans"]}) == 400
    assert ask({"data": ["en", {"path": "http://example.com/a.jpg"}, ""]}) == 400
    assert ask({"data": [[[{"a": {"path": f"{tmp_path}/../x"}}]]]}) == 400
    assert ask(b"{") == 400
    assert ask(b"[" * 60_000) == 400
    assert ask({"data": ["x" * 140_000]}) == 413
    assert ask({"data": ["가" * form.MAX_CHARACTERS]}) == 200


# Form


@pytest.fixture
def store(tmp_path):
    return form.UploadStore(tmp_path)


def written(**values: str) -> list[str]:
    """The form's fields in their order, empty but for these."""
    return [values.get(name, "") for name in form.FIELDS]


def test_listing_takes_what_is_stated_and_refuses_what_is_not_offered(store, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg())
    stated = {"category": "Shoes", "usage": "Casual", "brand": "  Levi's\x00 ", "colour": "blue"}
    fields = written(**stated)
    got = form.listing({"path": str(photo)}, "a\x1b shoe", fields, store)
    assert got.image.size == (40, 30)
    assert got.fields == {
        "normalized_category": "Shoes",
        "normalized_usage": "Casual",
        "brand": "Levi's",
        "colour": "blue",
    }
    with pytest.raises(form.FormError, match="field_unknown"):
        form.listing(None, "", written(category="Robots"), store)
    with pytest.raises(form.FormError, match="field_unknown"):
        form.listing(None, "", written(platform="elsewhere"), store, ["here_shop"])
    got = form.listing(None, "a", written(condition="good", new_price="90", currency="EUR"), store)
    assert got.fields == {"condition": "good", "new_price": "90", "currency": "EUR"}
    with pytest.raises(form.FormError, match="photo_gone"):
        form.listing({"path": "/etc/passwd"}, "", fields, store)
    with pytest.raises(form.FormError, match="text_too_long"):
        form.listing(None, "x" * (form.MAX_CHARACTERS + 1), fields, store)
    assert len(form.listing(None, "x" * form.MAX_CHARACTERS, fields, store).text) == 20_000


def test_a_new_photo_takes_the_place_of_the_visitors_last(store, tmp_path):
    first, second = tmp_path / "1.jpg", tmp_path / "2.jpg"
    for each in (first, second):
        each.write_bytes(jpeg())
    outside = tmp_path.parent / "outside.jpg"
    outside.write_bytes(jpeg())
    store.replace("me", str(first))
    store.replace("you", str(second))
    store.replace("me", str(outside))
    assert not first.exists() and second.exists()
    store.replace("me", None)
    assert outside.exists(), "nothing outside the folder is deleted"


def test_the_turnstile_lets_some_wait_and_turns_the_rest_away():
    turnstile = form.Turnstile(waiting=0)
    with turnstile, pytest.raises(form.BusyError):
        turnstile.__enter__()
    with turnstile:
        pass


def test_an_answer_is_the_waiting_card_and_then_the_price(tmp_path):
    page = form.Page(FakePredictor(), tmp_path)
    waiting, answered = page.answer("en", None, "jeans", *written())
    assert "loading" in waiting[0] and waiting[1] is None
    assert "$24.50" in answered[0] and answered[1].price_usd == 24.5
    *_, (broken, _) = page.answer("ko", {"path": "/etc/passwd"}, "jeans", *written())
    assert strings.sentence("ko", "photo_gone") in broken


# How it starts


def test_missing_models_end_with_one_line_that_names_the_command(tmp_path):
    missing = run_stage("app.py", "--data-dir", tmp_path)
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1 and missing.stderr.startswith("error: ")
    assert "pricing.calibrate" in missing.stderr


def test_served_on_loopback_alone_and_nothing_stays_behind():
    from pricing.page.server import serve

    port = browser.free_port()
    with serve(FakePredictor(), port=port) as address:
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        assert address == f"http://127.0.0.1:{port}/"
        assert folder.stat().st_mode & 0o077 == 0, "no one else may look into it"
        for host, open_there in (("127.0.0.1", True), ("127.0.0.2", False)):
            with socket.socket() as probe:
                assert (probe.connect_ex((host, port)) == 0) == open_there, host
        with (
            pytest.raises(StageError, match="choose another --port"),
            serve(FakePredictor(), port=port),
        ):
            pass
    assert not folder.exists()
