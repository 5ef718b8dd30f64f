"""Validates and cleans what users send: pictures and texts.

The size is checked before a file is read, the type by its content, and the number of pixels by its
header before any is decoded. Only the pixels of a picture are used: the camera's orientation is
applied, and its metadata (place, time, owner) dropped.
"""

import io
import unicodedata
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from common.embed.images import DAMAGED, BrokenImageError, as_rgb

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 64_000_000  # more than any phone's camera makes by default
MIN_SIDE, MAX_RATIO = 16, 12  # pixels; of the longer side to the shorter
SIDE = 1024  # pixels of the longer side that are kept: four times what the models look at
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "GIF")
# Every ``code`` of a BrokenImageError that a picture from here can raise.
CODES = "missing empty too_large too_many_pixels too_small too_narrow not_an_image damaged".split()


def picture(source: str | Path | bytes | Image.Image) -> Image.Image:
    """A picture decoded: RGB, upright, without metadata, its longer side at most SIDE pixels.

    An image that is open already is returned as it is. Raises
    :class:`common.embed.images.BrokenImageError` with a ``code`` of ``CODES``.
    """
    if isinstance(source, Image.Image):
        _check_size(source)
        return source
    if isinstance(source, bytes):
        size, source = len(source), io.BytesIO(source)
    else:
        path = Path(source)
        try:
            size = path.stat().st_size if path.is_file() else None
        except OSError:  # no name of a file, such as a long address
            size = None
        if size is None:
            raise BrokenImageError("no such file", "missing")
    if size == 0:
        raise BrokenImageError("the file is empty", "empty")
    if size > MAX_BYTES:
        reason = f"{size / 2**20:.0f} MB, more than the {MAX_BYTES >> 20} MB that are read"
        raise BrokenImageError(reason, "too_large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # see _check_size
            with Image.open(source, formats=FORMATS) as image:
                _check_size(image)
                image.draft("RGB", (SIDE, SIDE))
                pixels = as_rgb(image)
                pixels.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
        bare = Image.new("RGB", pixels.size)
        bare.paste(pixels)
        return bare
    except BrokenImageError:
        raise
    except Image.DecompressionBombError as error:
        raise BrokenImageError("more pixels than any photograph", "too_many_pixels") from error
    except UnidentifiedImageError as error:
        reason = f"not an image of a known type ({', '.join(FORMATS)})"
        raise BrokenImageError(reason, "not_an_image") from error
    except DAMAGED as error:
        raise BrokenImageError(" ".join(str(error).split()) or "damaged") from error


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        reason = f"{width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} million"
        raise BrokenImageError(reason, "too_many_pixels")
    if min(width, height) < MIN_SIDE:
        raise BrokenImageError(f"only {width} x {height} pixels", "too_small")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise BrokenImageError(f"{width} x {height} pixels: a strip, no photo", "too_narrow")


def text(value: str | None) -> str:
    """A text in one Unicode form, without control characters, lines kept."""
    plain = unicodedata.normalize("NFC", value or "")
    lines = "".join(map(_printable, plain)).split("\n")
    return "\n".join(" ".join(line.split()) for line in lines).strip()


def _printable(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":  # has no width: soft hyphens, changes of direction
        return ""
    return " " if category in ("Cc", "Cs") and character != "\n" else character
