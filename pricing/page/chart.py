"""Inline SVG of a price and its interval over the prices of the comparable products."""

import math
from collections.abc import Sequence
from functools import partial
from html import escape

from pricing.strings import SIGNS, money, sentence

# Drawn for a telephone's width: scaled up on a desktop, the letters only grow.
WIDTH, HEIGHT = 320, 146
_LEFT, _RIGHT = 14, WIDTH - 14
_BAND, _AXIS = 48, 122  # heights of the interval and of the axis
_DOT = 5
_LETTER = 0.6  # width of a letter, of its size


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between two prices (USD), about that many."""
    raw = max(high - low, 1e-9) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    return [round(n * step, 10) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def stack(places: Sequence[float], distance: float) -> list[int]:
    """The row of each dot: 0, or higher where dots closer than ``distance`` would overlap."""
    last: list[float] = []  # of each row the place of its last dot
    rows = [0] * len(places)
    for index in sorted(range(len(places)), key=lambda i: places[i]):
        row = next((r for r, end in enumerate(last) if places[index] - end >= distance), len(last))
        last[row : row + 1] = [places[index]]
        rows[index] = row
    return rows


def draw(
    language: str,
    price: float,
    low: float,
    high: float,
    comparables: Sequence[float],
    currency: str = "USD",
) -> str:
    """An SVG of the interval, the price in it and a dot for each comparable, in one currency."""
    show = partial(money, currency=currency)
    least, most = min([low, price, *comparables]), max([high, price, *comparables])
    margin = (most - least) * 0.06 or 1.0
    start, end = max(0.0, least - margin), most + margin

    def at(amount: float) -> float:
        return _LEFT + (amount - start) / (end - start) * (_RIGHT - _LEFT)

    left, right, middle = at(low), at(high), at(price)
    parts = [
        f'<rect class="band" x="{left:.1f}" y="{_BAND - 8}" width="{max(right - left, 2):.1f}" '
        'height="16" rx="8"/>',
        f'<line class="mark" x1="{middle:.1f}" x2="{middle:.1f}" y1="{_BAND - 15}" '
        f'y2="{_BAND + 15}"/>',
        _centred(middle, 24, show(price), "strong", 15),
        *_interval_labels(left, right, show(low), show(high)),
    ]
    places = [at(amount) for amount in comparables]
    for x, row in zip(places, stack(places, 2 * _DOT + 1), strict=True):
        y = _AXIS - 9 - row * (2 * _DOT + 1)
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y}" r="{_DOT}"/>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_RIGHT}" y1="{_AXIS}" y2="{_AXIS}"/>')
    for amount in ticks(start, end):
        x = at(amount)
        parts.append(
            f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{_AXIS}" y2="{_AXIS + 4}"/>'
        )
        parts.append(
            _centred(x, _AXIS + 18, f"{SIGNS.get(currency, '')}{amount:,.10g}", "tick", 11)
        )
    prices = ", ".join(show(amount) for amount in comparables) or "–"
    amounts = {"price": show(price), "low": show(low), "high": show(high), "prices": prices}
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(sentence(language, "chart", **amounts))}">{"".join(parts)}</svg>'
    )


def _interval_labels(left: float, right: float, low: str, high: str) -> list[str]:
    """The ends of the interval under it, back to back where it is narrow."""
    y = _BAND + 27
    if right - left >= 110:
        return [_centred(left, y, low, "end", 12), _centred(right, y, high, "end", 12)]
    middle, room = (left + right) / 2, 12 * _LETTER
    return [
        _text(max(min(left, middle - 4), len(low) * room), y, low, "end", "end"),
        _text(min(max(right, middle + 4), WIDTH - len(high) * room), y, high, "end", "start"),
    ]


def _centred(x: float, y: float, text: str, kind: str, size: int) -> str:
    """A text centred at x, moved to stay inside the drawing."""
    half = len(text) * size * _LETTER / 2
    return _text(min(max(x, half), WIDTH - half), y, text, kind, "middle")


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
