"""What stands before the page's server: few routes, small requests, photos made harmless.

A visitor's photo is checked and copied in memory before the server sees it: what reaches the
disk is a plain JPEG without metadata, under a name of our own. In place of a photo that is not
taken goes a white one whose name is the reason, for the form to tell. The rest of Gradio's
routes (its programming interface, proxy, recordings, monitoring) answer 404.
"""

import asyncio
import io
import json
import re
import secrets
from collections.abc import Iterable
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

_MAX_QUESTION = 64 * 1024
# A form's frame around the photo: boundary, headers.
_FRAME = 4096
_MAX_DRAINED = 8 * uploads.MAX_BYTES
_PHOTOS_AT_ONCE = 2
_PHOTOS_HELD = 8

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


class _TooMuchError(Exception):
    def __init__(self, drained: bool):
        super().__init__()
        self.drained = drained


def only_part(content_type: str, body: bytes) -> bytes | None:
    """The content of a multipart form that holds one file and nothing else; None if it does not."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        return None
    mark = b"--" + boundary.encode("latin-1", "replace")
    start = body.find(b"\r\n\r\n")
    end = body.find(b"\r\n" + mark, start)
    if not body.startswith(mark + b"\r\n") or start < 0 or end < 0:
        return None
    if not body[end + 2 + len(mark) :].startswith(b"--") or b'filename="' not in body[:start]:
        return None
    return body[start + 4 : end]


def form(name: str, photo: bytes) -> tuple[str, bytes]:
    """Content type and body of a form with that photo."""
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}.jpg"'
        "\r\nContent-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + photo + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def refusal(path: str | Path) -> str | None:
    """Why the photo that was to lie at ``path`` was not taken: a code of ``uploads.CODES``."""
    code = Path(path).stem
    return code if code in uploads.CODES else None


def inside(path: object, folder: Path) -> bool:
    """Whether ``path`` names a file within ``folder``, links followed."""
    try:
        real = Path(str(path)).resolve()
        return real.is_relative_to(folder.resolve()) and real.is_file()
    except (OSError, ValueError):
        return False


def files_named(value: object) -> Iterable[object]:
    """Every ``path`` that a JSON value holds, at any depth."""
    if isinstance(value, dict):
        if "path" in value:
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from files_named(each)


class Guard:
    """ASGI middleware; ``folder`` is where the server may keep uploads."""

    def __init__(self, app, folder: Path):
        self.app, self.folder = app, folder
        self._held = 0
        self._decoding = asyncio.Semaphore(_PHOTOS_AT_ONCE)

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        answer, receive = await self._check(scope, receive)

        async def send_with_headers(message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if scope["path"].startswith(_FILE):
                    headers["cache-control"] = "no-store"
            await send(message)

        await (answer or self.app)(scope, receive, send_with_headers)

    async def _check(self, scope, receive):
        """(a refusal or None, the receive to go on with)."""
        method, path = scope["method"], scope["path"]
        if method in ("GET", "HEAD"):
            if path.startswith(_FILE):
                known = inside(unquote(path.removeprefix(_FILE)), self.folder)
            else:
                known = bool(_GET.fullmatch(path))
            return (None if known else Response(status_code=404)), receive
        if method != "POST" or not _POST.fullmatch(path):
            return Response(status_code=404), receive
        if path.rstrip("/").endswith("/upload"):
            return await self._photo(scope, receive)
        try:
            body = await _body(scope, receive, _MAX_QUESTION)
            question = json.loads(body)
        except _TooMuchError:
            return Response(status_code=413), receive
        except (ValueError, RecursionError):
            return Response(status_code=400), receive
        if not all(inside(each, self.folder) for each in files_named(question)):
            return Response(status_code=400), receive
        return None, _replay(body, receive)

    async def _photo(self, scope, receive):
        if self._held >= _PHOTOS_HELD:
            return Response(status_code=503), receive
        self._held += 1
        headers = Headers(scope=scope)
        try:
            body = await _body(scope, receive, uploads.MAX_BYTES + _FRAME, _MAX_DRAINED)
            data = only_part(headers.get("content-type", ""), body)
            if data is None:
                return Response(status_code=400), receive
            async with self._decoding:
                name, clean = "photo", await asyncio.to_thread(_clean, data)
        except _TooMuchError as error:
            if not error.drained:
                return Response(status_code=413), receive
            name, clean = "too_large", _jpeg(Image.new("RGB", (1, 1), "white"))
        except BrokenImageError as error:
            name, clean = error.code, _jpeg(Image.new("RGB", (1, 1), "white"))
        finally:
            self._held -= 1
        content_type, body = form(name, clean)
        sent = MutableHeaders(scope=scope)
        sent["content-type"] = content_type
        sent["content-length"] = str(len(body))
        return None, _replay(body, receive)


def _clean(data: bytes) -> bytes:
    return _jpeg(uploads.picture(data))


def _jpeg(image: Image.Image) -> bytes:
    # The server names a folder after the file's content: the comment makes two of one photo two
    # files, so that neither visitor's goes when the other leaves, and none can be guessed.
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, comment=secrets.token_bytes(16))
    return out.getvalue()


async def _body(scope, receive, most: int, drained: int = 0) -> bytes:
    """A request's body of at most ``most`` bytes.

    A longer one, up to ``drained`` bytes, is read to its end and dropped, so that the browser
    hears the answer; it raises _TooMuchError, as do a still longer one and a broken connection.
    """
    length = Headers(scope=scope).get("content-length", "")
    if length.isdigit() and int(length) > max(most, drained):
        raise _TooMuchError(False)
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if message["type"] == "http.disconnect" or size > max(most, drained):
            raise _TooMuchError(False)
        if size > most:
            parts.clear()
        else:
            parts.append(part)
        if not message.get("more_body"):
            if size > most:
                raise _TooMuchError(True)
            return b"".join(parts)


def _replay(body: bytes, receive):
    """A ``receive`` that hands over ``body``, then listens as the connection's own does."""
    sent = False

    async def again():
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
