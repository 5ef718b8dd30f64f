"""What a stranger may send: limits before decoding, type by content, nothing but pixels kept."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor

from common.embed.images import BrokenImageError, Pixels, as_rgb, decode
from pricing import uploads


def photo(width=400, height=300, form="JPEG", **saved) -> bytes:
    pixels = np.linspace(0, 255, width * height * 3, dtype=np.uint8).reshape(height, width, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **saved)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is and holds nothing: decoding it would fail."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    return start + struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IDAT"


def refused(source) -> str:
    with pytest.raises(BrokenImageError) as raised:
        uploads.picture(source)
    assert str(raised.value)
    assert raised.value.code in uploads.CODES
    return raised.value.code


def test_a_large_photo_is_read_upright_and_small_and_without_its_notes(tmp_path):
    notes = Image.Exif()
    notes[0x0112], notes[0x010F] = 6, "A camera"  # turn right; the maker
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(3000, 2500, exif=notes, comment=b"where I live"))
    seen = uploads.picture(path)
    assert seen.mode == "RGB"
    assert seen.height == uploads.SIDE > seen.width
    assert not seen.info and not seen.getexif()
    assert uploads.picture(path.read_bytes()).tobytes() == seen.tobytes()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "HEIF", "AVIF", "BMP", "GIF"])
def test_the_type_is_found_by_content(tmp_path, form):
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(form=form))
    assert uploads.picture(path).size == (400, 300)


def test_what_is_no_picture_is_refused_by_a_code(tmp_path):
    assert refused(tmp_path / "absent.jpg") == "missing"
    assert refused(tmp_path) == "missing"
    assert refused(b"") == "empty"
    assert refused(b"%PDF-1.7 is not a picture") == "not_an_image"
    assert refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "not_an_image"
    assert refused(tmp_path / ("https:" + "x" * 300)) == "missing"
    for form in ("HEIF", "AVIF"):
        content = photo(form=form)
        assert refused(content[: len(content) * 2 // 3]) in ("damaged", "not_an_image"), form
    assert refused(photo(form="TIFF")) == "not_an_image"
    assert refused(photo(8, 8)) == "too_small"
    assert refused(photo(2000, 20)) == "too_narrow"


DEPTHS = {
    "16 bits": (np.uint16, 257),
    "32 bits": (np.int32, 257),
    "floats up to one": (np.float32, 1 / 255),
    "floats up to 255": (np.float32, 1),
}


@pytest.mark.parametrize("depth", DEPTHS)
def test_pictures_of_more_than_8_bits_look_as_those_of_8(depth):
    grey = np.linspace(0, 255, 60 * 40).astype(np.uint8).reshape(40, 60)
    kind, factor = DEPTHS[depth]
    deep = as_rgb(Image.fromarray((grey.astype(np.float64) * factor).astype(kind)))
    np.testing.assert_array_equal(np.asarray(deep), np.asarray(as_rgb(Image.fromarray(grey))))


def test_a_dark_picture_of_16_bits_stays_dark(tmp_path):
    Image.fromarray(np.full((40, 60), 200, np.uint16)).save(tmp_path / "dark.png")
    assert np.asarray(uploads.picture(tmp_path / "dark.png")).max() == 1
    encoder = Pixels(
        Compose([Resize(32), CenterCrop(32), ToTensor(), Normalize([0.5] * 3, [0.5] * 3)])
    )
    assert decode(tmp_path / "dark.png", encoder).max() == 1


def test_limits_hold_before_decoding(tmp_path, monkeypatch):
    # The first has no pixels to decode: only its header can have been read.
    assert refused(png_header(30_000, 30_000)) == "too_many_pixels"
    assert refused(png_header(9_000, 8_000)) == "too_many_pixels"
    assert refused(png_header(100, 100)) == "damaged"
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(uploads.MAX_BYTES + 1)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("was opened"))
    assert refused(path) == "too_large"


def test_a_text_keeps_its_lines_and_loses_what_does_not_show():
    told = "  Levi's\u0000 501\u202e,\r\n dark\tblue \u00ad\n한국어 \ud800 "
    assert uploads.text(told) == "Levi's 501,\ndark blue\n한국어"
    assert uploads.text(None) == ""
    assert uploads.text("e\u0301") == "é"
