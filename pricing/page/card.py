"""HTML cards of the page: a price estimate, and what stands there before, while waiting, on errors.

The template escapes everything that comes from a visitor, a listing or a file.
"""

import base64
import io
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from common.embed.images import as_rgb
from common.merge.currency import RATES
from pricing import strings
from pricing.page import chart
from pricing.predictor import PriceEstimate

_THUMBNAIL = 320  # pixels
_MAX_NAME = 80  # characters
_MAX_ATTRIBUTIONS = 4


@lru_cache(maxsize=256)
def data_uri(path: Path) -> str | None:
    """A small copy of a catalogue picture as a data URI; None where it cannot be read."""
    try:
        with Image.open(path) as image:
            image.draft("RGB", (_THUMBNAIL, _THUMBNAIL))
            image.thumbnail((_THUMBNAIL, _THUMBNAIL))
            buffer = io.BytesIO()
            as_rgb(image).save(buffer, "JPEG", quality=82)
    except (OSError, ValueError, SyntaxError):
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


_TEMPLATE = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    undefined=StrictUndefined,
).get_template("card.html", globals={"data_uri": data_uri})


def render(kind: str, language: str, **values: object) -> str:
    """The card ``empty``, ``loading``, ``busy``, or ``failed`` (with its ``message``)."""
    functions = {
        name: partial(getattr(strings, name), language) for name in ("sentence", "word", "reason")
    }
    return _TEMPLATE.render(kind=kind, max_name=_MAX_NAME, **functions, **values).strip()


def result(language: str, estimate: PriceEstimate, training: Mapping[str, object]) -> str:
    """The card of a price estimate; ``training`` says which data the models learned from."""
    model = {key: str(training.get(key, "?")) for key in ("data", "created", "preset")}
    model["created"] = model["created"][:10]  # of a time, the day
    rate = 1 / RATES[estimate.currency]

    def money(usd: float) -> str:
        return strings.money(usd * rate, estimate.currency)

    prices = [
        (usd or 0) * rate for usd in (estimate.price_usd, estimate.low_usd, estimate.high_usd)
    ]
    comparables = [product.price_usd * rate for product in estimate.comparables]
    values = estimate.attributes | {name: label.value for name, label in estimate.labels.items()}
    values |= {"condition": estimate.condition}
    clauses = "; ".join(
        strings.attribution(language, piece, values.get(piece, "")[:_MAX_NAME], usd, money)
        for piece, usd in estimate.attributions[:_MAX_ATTRIBUTIONS]
    )
    drawing = chart.draw(language, *prices, comparables, estimate.currency)
    return render(
        "result",
        language,
        estimate=estimate,
        training=model,
        money=money,
        chart=None if estimate.refusal else drawing,
        attributions=clauses and f"{clauses[:1].upper()}{clauses[1:]}.",
    )
