"""An answer as the HTML of a card; also the cards for before it, while waiting, and for errors.

Everything that comes from a visitor, a listing or a file is escaped here.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path

from PIL import Image

from common.embed.images import as_rgb
from pricing import strings as phrases
from pricing.page import chart

_SIDE = 320
_NAME_LENGTH = 80
_MOVED = 4


def _say(language: str, key: str, **values: object) -> str:
    return escape(phrases.say(language, key, **values))


def _note(kind: str, heading: str, body: str, role: str = "status") -> str:
    return f'<section class="card note {kind}" role="{role}"><h2>{heading}</h2>{body}</section>'


def empty(language: str) -> str:
    """Before the first question: what to do."""
    steps = "".join(f"<li>{_say(language, f'empty_{n}')}</li>" for n in (1, 2, 3))
    return _note("empty", _say(language, "empty"), f"<ol>{steps}</ol>")


def loading(language: str) -> str:
    """While the models work."""
    bars = '<div class="bone wide"></div><div class="bone"></div><div class="bone tall"></div>'
    return (
        '<section class="card loading" role="status" aria-busy="true">'
        f'<p>{_say(language, "loading")}</p><div aria-hidden="true">{bars}</div></section>'
    )


def busy(language: str) -> str:
    """When more are waiting than will be served."""
    return _note("busy", _say(language, "busy"), f"<p>{_say(language, 'busy_more')}</p>", "alert")


def failed(language: str, why: str) -> str:
    """An error: what happened, and what to do where there is something."""
    return _note("failed", _say(language, "failed"), f"<p>{escape(why)}</p>", "alert")


@lru_cache(maxsize=256)
def picture(path: Path) -> str | None:
    """A small copy of a catalogue picture as a data URI; None where it cannot be read."""
    try:
        with Image.open(path) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            image.thumbnail((_SIDE, _SIDE))
            out = io.BytesIO()
            as_rgb(image).save(out, "JPEG", quality=82)
    except (OSError, ValueError, SyntaxError):
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def _doubts(language: str, codes: Sequence[str]) -> str:
    if not codes:
        return ""
    items = "".join(f"<li>{escape(phrases.reason(language, code))}</li>" for code in codes)
    return f'<div class="doubts"><h3>{_say(language, "doubts")}</h3><ul>{items}</ul></div>'


def _label(language: str, field: str, value: str, confidence: float) -> str:
    percent = round(100 * confidence)
    return (
        f'<div class="label"><dt>{escape(phrases.word(language, field))}</dt>'
        f"<dd><b>{escape(phrases.word(language, value))}</b>"
        f'<span class="bar" aria-hidden="true"><i style="width:{percent}%"></i></span>'
        f"<small>{_say(language, 'sure', percent=percent)}</small></dd></div>"
    )


def _section(language: str, key: str, body: str) -> str:
    return f"<section><h3>{_say(language, key)}</h3>{body}</section>" if body else ""


def _moved(language: str, answer) -> str:
    if not answer.moved:
        return ""
    values = answer.read | {field: label.value for field, label in answer.labels.items()}
    said = "; ".join(
        phrases.moved(language, piece, (values.get(piece) or "")[:_NAME_LENGTH], usd)
        for piece, usd in answer.moved[:_MOVED]
    )
    return f'<p class="moved">{escape(said[:1].upper() + said[1:])}.</p>'


def _attributes(language: str, answer) -> str:
    read = "".join(
        f"<div><dt>{escape(phrases.word(language, field))}</dt><dd>{escape(value)}</dd></div>"
        for field, value in answer.read.items()
        if value
    )
    inferred = "".join(
        f"<div><dt>{escape(phrases.word(language, field))}</dt>"
        f"<dd>{escape(phrases.word(language, label.value))} "
        f"<small>{_say(language, 'sure', percent=round(100 * label.confidence))}</small></dd></div>"
        for field, label in answer.inferred.items()
    )
    body = ""
    for key, rows in (("read", read), ("inferred", inferred)):
        if rows:
            body += f'<div class="facts"><h4>{_say(language, key)}</h4><dl>{rows}</dl></div>'
    return f'<div class="columns">{body}</div>' if body else ""


def _comparables(language: str, comparables: Sequence) -> str:
    items = ""
    for each in comparables:
        uri = picture(each.image) if each.image else None
        title = escape(each.title[:_NAME_LENGTH])
        shown = (
            f'<img src="{uri}" alt="{title}">'
            if uri
            else f'<span class="missing">{_say(language, "no_picture")}</span>'
        )
        alike = _say(language, "alike", percent=round(100 * max(0.0, each.similarity)))
        items += (
            f"<li>{shown}<b>{escape(phrases.usd(each.price_usd))}</b>"
            f'<span class="name">{title}</span><small>{alike}</small></li>'
        )
    return f'<ul class="comparables">{items}</ul>' if items else ""


def _head(language: str, answer) -> str:
    """The price with its range and drawing, or why there is none."""
    if answer.price_usd is None:
        why = escape(phrases.reason(language, answer.refusal))
        return (
            f'<header class="refused"><h2>{_say(language, "no_price")}</h2>'
            f"<p>{why} {_say(language, 'no_price_more')}</p></header>"
        )
    low, high = answer.low_usd, answer.high_usd
    spread = _say(language, "range", low=phrases.usd(low), high=phrases.usd(high))
    prices = [each.price_usd for each in answer.comparables]
    return (
        f"<header><h2>{_say(language, 'answer')}</h2>"
        f'<p class="price">{escape(phrases.usd(answer.price_usd))}</p><p>{spread}</p></header>'
        f"{chart.draw(language, answer.price_usd, low, high, prices)}"
        f'<p class="legend"><span class="of-band">{_say(language, "chart_range")}</span>'
        f'<span class="of-dots">{_say(language, "chart_comparables")}</span></p>'
    )


def result(language: str, answer, trained: Mapping[str, object]) -> str:
    """The card of an ``appraisal.Answer``; ``trained`` says which data the models learnt from."""
    model = {key: str(trained.get(key, "?")) for key in ("data", "created", "preset")}
    model["created"] = model["created"][:10]  # of a time, the day
    return (
        f'<article class="card result">{_head(language, answer)}'
        f"{_body(language, answer) if answer.price_usd is not None else ''}"
        f"<footer><p>{_say(language, 'model', **model)}</p></footer></article>"
    )


def _body(language: str, answer) -> str:
    """What stands under a price. Where there is none it would claim what is not believed."""
    labels = "".join(
        _label(language, field, label.value, label.confidence)
        for field, label in answer.labels.items()
    )
    return (
        f"{_doubts(language, answer.doubts)}"
        f"{_section(language, 'moved', _moved(language, answer))}"
        f"{_section(language, 'labels', labels and f'<dl class=labels>{labels}</dl>')}"
        f"{_section(language, 'attributes', _attributes(language, answer))}"
        f"{_section(language, 'comparables', _comparables(language, answer.comparables))}"
    )
