"""The price and its range drawn against the comparables' prices, as inline SVG."""

import math
from collections.abc import Sequence
from html import escape

from pricing import strings as phrases

# Drawn for a telephone's width: scaled up on a desktop, the letters only grow.
WIDTH, HEIGHT = 320, 146
_LEFT, _RIGHT = 14, WIDTH - 14
_BAND, _DOTS, _AXIS = 48, 92, 122
_DOT = 5


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between two prices (USD), about that many."""
    raw = max(high - low, 1e-9) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    first = math.ceil(low / step)
    return [round(n * step, 10) for n in range(first, math.floor(high / step) + 1)]


def rows(places: Sequence[float], apart: float) -> list[int]:
    """Which row each dot stands in, so that none hides another: 0, or higher where it is tight."""
    taken: list[list[float]] = []
    out = [0] * len(places)
    for index in sorted(range(len(places)), key=lambda i: places[i]):
        row = 0
        while row < len(taken) and places[index] - taken[row][-1] < apart:
            row += 1
        if row == len(taken):
            taken.append([])
        taken[row].append(places[index])
        out[index] = row
    return out


def _text(x: float, y: float, words: str, kind: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _held(x: float, words: str, size: float) -> float:
    """Where a centred text stands so that it stays inside the drawing."""
    half = len(words) * size * 0.3
    return min(max(x, half), WIDTH - half)


def draw(language: str, price: float, low: float, high: float, comparables: Sequence[float]) -> str:
    """An SVG of the range, the price in it and a dot for each comparable. Prices are USD."""
    least, most = min([low, price, *comparables]), max([high, price, *comparables])
    margin = (most - least) * 0.06 or 1.0
    start, end = max(0.0, least - margin), most + margin

    def at(usd: float) -> float:
        return _LEFT + (usd - start) / (end - start) * (_RIGHT - _LEFT)

    said = phrases.say(
        language,
        "chart",
        price=phrases.usd(price),
        low=phrases.usd(low),
        high=phrases.usd(high),
        prices=", ".join(phrases.usd(each) for each in comparables) or "–",
    )
    left, right, middle = at(low), at(high), at(price)
    parts = [
        f'<rect class="band" x="{left:.1f}" y="{_BAND - 8}" width="{max(right - left, 2):.1f}" '
        'height="16" rx="8"/>',
        f'<line class="mark" x1="{middle:.1f}" x2="{middle:.1f}" y1="{_BAND - 15}" '
        f'y2="{_BAND + 15}"/>',
        _text(_held(middle, phrases.usd(price), 15), 24, phrases.usd(price), "strong"),
    ]
    # The ends' labels stand under the band, side by side even where it is narrow.
    tight = right - left < 110
    for x, usd, away in ((left, low, "end"), (right, high, "start")):
        words = phrases.usd(usd)
        anchor = away if tight else "middle"
        room = len(words) * 7.2
        if anchor == "middle":
            x = _held(x, words, 12)
        elif anchor == "end":
            x = max(min(x, (left + right) / 2 - 4), room)
        else:
            x = min(max(x, (left + right) / 2 + 4), WIDTH - room)
        parts.append(_text(x, _BAND + 27, words, "end", anchor))
    places = [at(each) for each in comparables]
    for x, row in zip(places, rows(places, 2 * _DOT + 1), strict=True):
        parts.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{_AXIS - 9 - row * (2 * _DOT + 1)}" r="{_DOT}"/>'
        )
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_RIGHT}" y1="{_AXIS}" y2="{_AXIS}"/>')
    for usd in ticks(start, end):
        words = f"${usd:,g}"
        parts.append(
            f'<line class="axis" x1="{at(usd):.1f}" x2="{at(usd):.1f}" y1="{_AXIS}" '
            f'y2="{_AXIS + 4}"/>'
        )
        parts.append(_text(_held(at(usd), words, 11), _AXIS + 18, words, "tick"))
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(said)}">{"".join(parts)}</svg>'
    )
