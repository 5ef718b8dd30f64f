"""What a stranger sends: pictures and texts, checked before they are used.

The size is looked at before a file is read, the type is found by its content, and the pixels are
counted by its header before any is decoded. Of a picture nothing but its pixels goes further: the
camera's orientation is applied and its notes (place, time, owner) are dropped.
"""

import io
import unicodedata
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from common.embed.images import BrokenImageError, as_rgb

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 64_000_000  # more than any phone's camera makes by default
MIN_SIDE, MAX_RATIO = 16, 12  # pixels; of the longer side to the shorter
MAX_CHARACTERS = 4000  # of a text
SIDE = 1024  # pixels of the longer side that are kept: four times what the models look at
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
# Every ``code`` of a BrokenImageError that a picture from here can raise.
CODES = (
    "missing",
    "empty",
    "too_large",
    "too_many_pixels",
    "too_small",
    "too_narrow",
    "not_an_image",
    "damaged",
)


class TextTooLongError(ValueError):
    """A text of more than MAX_CHARACTERS."""


def opened(source: str | Path | bytes) -> Image.Image:
    """A picture that may be decoded: its header is read, its pixels are not.

    Raises :class:`common.embed.images.BrokenImageError` with a ``code`` of ``CODES``.
    """
    if isinstance(source, bytes):
        size, source = len(source), io.BytesIO(source)
    else:
        path = Path(source)
        if not path.is_file():
            raise BrokenImageError("no such file", "missing")
        size = path.stat().st_size
    if size == 0:
        raise BrokenImageError("the file is empty", "empty")
    if size > MAX_BYTES:
        reason = f"{size / 2**20:.0f} MB, more than the {MAX_BYTES >> 20} MB that are read"
        raise BrokenImageError(reason, "too_large")
    try:
        with warnings.catch_warnings():
            # The pixels are counted below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(source, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise BrokenImageError("more pixels than any photograph", "too_many_pixels") from error
    except UnidentifiedImageError as error:
        raise BrokenImageError("not an image of a known type", "not_an_image") from error
    # Pillow's readers raise all of these on damaged files.
    except (OSError, ValueError, SyntaxError, IndexError, EOFError) as error:
        raise BrokenImageError(" ".join(str(error).split()) or "damaged") from error
    try:
        check_size(image)
    except BrokenImageError:
        image.close()
        raise
    return image


def check_size(image: Image.Image) -> None:
    """Raises BrokenImageError for a picture with too many pixels, or too few to show anything."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        reason = f"{width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} million"
        raise BrokenImageError(reason, "too_many_pixels")
    if min(width, height) < MIN_SIDE:
        raise BrokenImageError(f"only {width} x {height} pixels", "too_small")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise BrokenImageError(f"{width} x {height} pixels: a strip, no photo", "too_narrow")


def picture(source: str | Path | bytes) -> Image.Image:
    """A picture decoded: RGB, upright, without metadata, its longer side at most SIDE pixels.

    Raises :class:`common.embed.images.BrokenImageError` as :func:`opened` does.
    """
    try:
        with warnings.catch_warnings(), opened(source) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image.draft("RGB", (SIDE, SIDE))
            whole = as_rgb(image)
            whole.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
            bare = Image.new("RGB", whole.size)
            bare.paste(whole)
            return bare
    except BrokenImageError:
        raise
    except (OSError, ValueError, SyntaxError, IndexError, EOFError) as error:
        raise BrokenImageError(" ".join(str(error).split()) or "damaged") from error


def text(value: str | None) -> str:
    """A text in one Unicode form, without control characters, lines kept.

    Raises TextTooLongError; nothing is cut off in silence.
    """
    plain = unicodedata.normalize("NFC", value or "")
    if len(plain) > MAX_CHARACTERS:
        raise TextTooLongError(f"{len(plain):,} characters, more than {MAX_CHARACTERS:,}")
    lines = "".join(map(_mark, plain)).split("\n")
    return "\n".join(" ".join(line.split()) for line in lines).strip()


def _mark(mark: str) -> str:
    kind = unicodedata.category(mark)
    if kind == "Cf":  # has no width: soft hyphens, changes of direction
        return ""
    return " " if kind in ("Cc", "Cs") and mark != "\n" else mark
