"""What a visitor sends, made harmless: limits first, type by content, metadata dropped.

Nothing here looks at a file's name. What passes is a plain RGB picture that carries no metadata,
or plain text; what does not pass raises UploadError with one of ``REASONS``.
"""

import io
import unicodedata
import warnings

from PIL import Image, UnidentifiedImageError

from common.images import rgb

MAX_BYTES = 20 * 2**20
# A telephone's picture has 12 to 50 million; a decompression bomb has hundreds.
MAX_PIXELS = 64_000_000
# Longest side of what is kept: no model looks at more.
SIDE = 1600
MAX_TEXT = 2000
MAX_FIELD = 80
FORMATS = ("JPEG", "PNG", "WEBP")
REASONS = ("photo_too_large", "photo_too_many_pixels", "photo_unreadable", "text_too_long")


class UploadError(Exception):
    """Something sent that is not taken; ``reason`` is one of ``REASONS``."""

    def __init__(self, reason: str):
        super().__init__(reason.replace("_", " "))
        self.reason = reason


def photo(data: bytes) -> Image.Image:
    """The bytes of a JPEG, PNG or WebP file -> an upright RGB picture of at most ``SIDE`` pixels.

    Bytes and pixels are counted before anything is decoded, and a JPEG is decoded no larger than
    needed. The camera's orientation is applied; EXIF, comments and profiles do not come along.
    Raises UploadError: photo_too_large, photo_too_many_pixels, photo_unreadable.
    """
    if len(data) > MAX_BYTES:
        raise UploadError("photo_too_large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise UploadError("photo_too_many_pixels")
        image.draft("RGB", (SIDE, SIDE))
        image.load()
        # Scaled before it is turned: a large picture is copied once, not three times.
        image.thumbnail((SIDE, SIDE))
        upright = rgb(image)
    except Image.DecompressionBombError as error:
        raise UploadError("photo_too_many_pixels") from error
    except UnidentifiedImageError as error:
        raise UploadError("photo_unreadable") from error
    # Pillow's decoders raise all of these on damaged files.
    except (OSError, ValueError, SyntaxError, IndexError, EOFError, MemoryError) as error:
        raise UploadError("photo_unreadable") from error
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    return bare


def jpeg(image: Image.Image, quality: int = 88) -> bytes:
    """The picture as a JPEG file's bytes, without metadata."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def text(value: str | None, limit: int = MAX_TEXT) -> str:
    """Text without control characters, spaces trimmed. Raises UploadError where it is too long."""
    value = value or ""
    if len(value) > limit:
        raise UploadError("text_too_long")
    kept = (c if c == "\n" or unicodedata.category(c)[0] != "C" else " " for c in value)
    return "".join(kept).strip()
