"""What a visitor sends: limits before decoding, type by content, nothing carried along."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from common import uploads


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def half_red(width: int = 40, height: int = 20) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width // 2, height))
    return image


@pytest.mark.parametrize("kind", uploads.FORMATS)
def test_a_picture_of_each_kind_is_read(kind):
    image = uploads.photo(encoded(half_red(), kind))
    assert (image.mode, image.size) == ("RGB", (40, 20))
    assert np.asarray(image)[10, 5, 0] > 200


def test_orientation_is_applied_and_metadata_dropped():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    exif[0x010F] = "A camera"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    data = encoded(half_red(400, 200), "JPEG", exif=exif, comment=b"by me")
    assert b"A camera" in data
    image = uploads.photo(data)
    assert image.size == (200, 400)
    assert np.asarray(image)[20, 100, 0] > 200, "what was left is on top"
    assert not image.info
    assert not image.getexif()
    again = uploads.jpeg(image)
    assert b"A camera" not in again and b"by me" not in again and b"Exif" not in again


def test_text_chunks_of_a_png_are_dropped():
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "somebody")
    image = uploads.photo(encoded(half_red(), "PNG", pnginfo=info))
    assert not image.info


def test_transparency_becomes_white():
    image = uploads.photo(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"))
    assert np.asarray(image).min() == 255


def test_a_large_photo_is_made_small():
    image = uploads.photo(encoded(Image.new("RGB", (6000, 5000), "teal"), "JPEG"))
    assert max(image.size) <= uploads.SIDE
    assert image.width / image.height == pytest.approx(1.2, rel=0.01)


def test_too_many_pixels_are_refused_before_decoding(monkeypatch):
    bomb = encoded(Image.new("1", (14_000, 14_000)), "PNG")
    many = encoded(Image.new("1", (9_000, 9_000)), "PNG")
    assert len(bomb) < 1_000_000

    def no_decoding(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", no_decoding)
    for data in (bomb, many):
        with pytest.raises(uploads.UploadError) as refused:
            uploads.photo(data)
        assert refused.value.reason == "photo_too_many_pixels"


def test_too_many_bytes_are_refused_before_they_are_looked_at(monkeypatch):
    monkeypatch.setattr(uploads.Image, "open", None)
    with pytest.raises(uploads.UploadError) as refused:
        uploads.photo(bytes(uploads.MAX_BYTES + 1))
    assert refused.value.reason == "photo_too_large"


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        SVG,
        encoded(half_red(), "GIF"),
        encoded(half_red(), "PDF"),
        encoded(half_red(), "JPEG")[:400],
        encoded(half_red(), "PNG")[:60],
    ],
    ids=["empty", "words", "svg", "gif", "pdf", "half a jpeg", "half a png"],
)
def test_what_is_no_whole_picture_is_refused(data):
    with pytest.raises(uploads.UploadError) as refused:
        uploads.photo(data)
    assert refused.value.reason == "photo_unreadable"
    assert refused.value.reason in uploads.REASONS


def test_text_keeps_its_letters_and_loses_control_characters():
    assert uploads.text("  Levi's 501\x00\x1b[31m, 청바지\nbarely worn \u202e") == (
        "Levi's 501  [31m, 청바지\nbarely worn"
    )
    assert uploads.text(None) == ""
    with pytest.raises(uploads.UploadError) as refused:
        uploads.text("x" * (uploads.MAX_TEXT + 1))
    assert refused.value.reason == "text_too_long"
