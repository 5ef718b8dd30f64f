"""ASGI middleware before the page's server: few routes, small requests, re-encoded photos.

A visitor's photo is checked and copied in memory before the server sees it: what reaches the disk
is a plain JPEG without metadata, under a name chosen here. A rejected photo becomes a white one
whose name is the code of the reason, for the form to show. The rest of Gradio's routes (its
programming interface, proxy, recordings, monitoring) answer 404.
"""

import asyncio
import io
import json
import re
import secrets
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.parse import unquote

from PIL import Image
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from common.embed.images import BrokenImageError
from pricing import uploads

_API = "/gradio_api"
_GET = re.compile(
    rf"/|/theme\.css|/favicon\.ico|/(?:assets|static|svelte)/.*"
    rf"|{_API}/(?:startup-events|upload_progress|queue/data|heartbeat/\w+)"
)
_POST = re.compile(rf"{_API}/(?:upload|run/predict|queue/join|reset|cancel)/?")
_FILE = f"{_API}/file="
_MAX_QUESTION = 128 * 1024  # bytes: a text of the greatest length in any script
_FORM_BYTES = 4096  # of a form around its photo: boundary, headers
_MAX_DRAINED = 8 * uploads.MAX_BYTES
_DECODED_AT_ONCE, _HELD_AT_ONCE = 2, 8  # photos
# The page asks nothing of any other host. Gradio needs inline styles and makes functions of text.
_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' "
    "'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class _Refusal(Exception):
    """The request is answered with this HTTP status."""

    def __init__(self, status: int):
        self.status = status


def multipart_file(content_type: str, body: bytes) -> bytes:
    """The content of a multipart form that holds one file only. Raises ValueError for others."""
    header = Message()
    header["content-type"] = content_type
    mark = b"--" + (header.get_boundary() or "").encode("latin-1", "replace")
    start = body.find(b"\r\n\r\n")
    end = body.find(b"\r\n" + mark, start)
    if (
        header.get_content_type() != "multipart/form-data"
        or mark == b"--"
        or not body.startswith(mark + b"\r\n")
        or min(start, end) < 0
        or not body[end + 2 + len(mark) :].startswith(b"--")
        or b'filename="' not in body[:start]
    ):
        raise ValueError("not a form of one file")
    return body[start + 4 : end]


def multipart_form(name: str, photo: bytes) -> tuple[str, bytes]:
    """Content type and body of a form with that photo."""
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}.jpg"'
        "\r\nContent-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + photo + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def rejection_code(path: str | Path) -> str | None:
    """Why the photo that was to lie at ``path`` was rejected: a code of ``uploads.CODES``."""
    code = Path(path).stem
    return code if code in uploads.CODES else None


def is_inside(path: object, folder: Path) -> bool:
    """Whether ``path`` names a file within ``folder``, links followed."""
    try:
        real = Path(str(path)).resolve()
        return real.is_relative_to(folder.resolve()) and real.is_file()
    except (OSError, ValueError):
        return False


def file_paths(value: object) -> Iterator[object]:
    """Every ``path`` that a JSON value holds, at any depth."""
    if isinstance(value, dict):
        if "path" in value:
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from file_paths(item)


class PageMiddleware:
    """Parameter: ``folder`` is where the server may keep uploads."""

    def __init__(self, app, folder: Path):
        self.app, self.folder = app, folder
        self._held = 0
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        app = self.app
        try:
            receive = await self._checked(scope, receive)
        except _Refusal as refusal:
            app = Response(status_code=refusal.status)

        async def send_with_headers(message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if scope["path"].startswith(_FILE):
                    headers["cache-control"] = "no-store"
            await send(message)

        await app(scope, receive, send_with_headers)

    async def _checked(self, scope, receive):
        """The ``receive`` that the server may read. Raises _Refusal."""
        method, path = scope["method"], scope["path"]
        if method in ("GET", "HEAD"):
            is_file = path.startswith(_FILE)
            if is_file and not is_inside(unquote(path.removeprefix(_FILE)), self.folder):
                raise _Refusal(404)
            if not is_file and not _GET.fullmatch(path):
                raise _Refusal(404)
            return receive
        if method != "POST" or not _POST.fullmatch(path):
            raise _Refusal(404)
        if path.rstrip("/").endswith("/upload"):
            return _replay(await self._photo(scope, receive), receive)
        body, whole = await _body(scope, receive, _MAX_QUESTION)
        if not whole:
            raise _Refusal(413)
        try:
            question = json.loads(body)
            allowed = all(is_inside(named, self.folder) for named in file_paths(question))
        except (ValueError, RecursionError):
            allowed = False
        if not allowed:
            raise _Refusal(400)
        return _replay(body, receive)

    async def _photo(self, scope, receive) -> bytes:
        """The body of the upload with its photo re-encoded; ``scope`` follows."""
        if self._held >= _HELD_AT_ONCE:
            raise _Refusal(503)
        self._held += 1
        name, photo = "too_large", None
        try:
            most = uploads.MAX_BYTES + _FORM_BYTES
            body, whole = await _body(scope, receive, most, _MAX_DRAINED)
            if whole:
                data = multipart_file(Headers(scope=scope).get("content-type", ""), body)
                async with self._decoding:
                    name, photo = "photo", await asyncio.to_thread(_reencoded, data)
        except ValueError as error:
            raise _Refusal(400) from error
        except BrokenImageError as error:
            name = error.code
        finally:
            self._held -= 1
        photo = photo or _jpeg(Image.new("RGB", (1, 1), "white"))
        content_type, body = multipart_form(name, photo)
        headers = {"content-type": content_type, "content-length": str(len(body))}
        MutableHeaders(scope=scope).update(headers)
        return body


def _reencoded(data: bytes) -> bytes:
    return _jpeg(uploads.picture(data))


def _jpeg(image: Image.Image) -> bytes:
    # The server names a folder after the file's content: the comment makes two of one photo two
    # files, so that neither visitor's goes when the other leaves, and none can be guessed.
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, comment=secrets.token_bytes(16))
    return buffer.getvalue()


async def _body(scope, receive, most: int, drained: int = 0) -> tuple[bytes, bool]:
    """A request's body of at most ``most`` bytes, and whether that is all of it.

    Of a longer one, up to ``drained`` bytes are read and dropped, so that the browser hears the
    answer. Raises _Refusal for a still longer one and a broken connection.
    """
    length, limit = Headers(scope=scope).get("content-length", ""), max(most, drained)
    if length.isdigit() and int(length) > limit:
        raise _Refusal(413)
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if message["type"] == "http.disconnect" or size > limit:
            raise _Refusal(413)
        parts.append(part if size <= most else b"")
    return b"".join(parts), size <= most


def _replay(body: bytes, receive):
    """A ``receive`` that hands over ``body``, then listens as the connection's own does."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message():
        return messages.pop() if messages else await receive()

    return next_message
