"""Silhouettes of the sample catalogue's clothes, shoes and bags, in the units of `pen`."""

import tomllib
from pathlib import Path

import numpy as np

from sample.pen import GOLD, METAL, RUBBER, Pen, shade

# Silhouettes that look the same on everybody: their strokes, in order.
STROKES = tomllib.loads(Path(__file__).with_name("silhouettes.toml").read_text("utf-8"))


# --- what several garments share ---------------------------------------------------------------


def upper(pen: Pen, bottom=0.85, hem=0.6, neck=0.24, depth=0.16, slack=1.0) -> None:
    """The body and sleeves of everything worn above the waist."""
    b, waist = pen.broad * slack, pen.waist * slack
    sleeve = pen.look.sleeve
    top = [(0, -0.76 + depth), (neck, -0.8), (0.56 * b, -0.68)]
    arm = {
        "none": [(0.5 * b, -0.66), (0.46 * b, -0.4), (0.54 * b, -0.18)],
        "short": [(0.92 * b, -0.24), (0.74 * b, -0.06), (0.55 * b, -0.26)],
        "long": [(0.74 * b, -0.45), (0.98 * b, 0.6), (0.78 * b, 0.66), (0.55 * b, -0.2)],
    }[sleeve]
    if sleeve == "none":
        top[2] = (neck + 0.14, -0.78)
    sides = [(0.55 * waist, 0.2), (hem * b, bottom), (0, bottom + 0.02)]
    pen.mirror(top + arm + sides, rounds=1)
    if sleeve != "none":
        pen.both([arm[-1], (0.52 * b, -0.6)])


def neckline(pen: Pen, neck=0.24, depth=0.16, width=0.05) -> None:
    points = [(x * neck, -0.8 + depth * (1 - x * x)) for x in np.linspace(-1, 1, 13)]
    pen.line(points, width=width)


def legs(pen: Pen, length: float, inner: float, outer: float, hem: float = 0.0) -> None:
    """`inner` and `outer` are where the end of a leg begins and ends; `hem` is its height."""
    hip, waist = (0.53, 0.38) if pen.waist < 0.95 else (0.5, 0.42)
    outside = [(0, -1.0), (waist, -1.0), (hip, -0.55), (outer, length), (inner, length)]
    pen.mirror([*outside, (0.04, -0.25), (0, -0.28)], rounds=0)
    pen.line([(-waist - 0.02, -0.88), (waist + 0.02, -0.88)], width=0.025)
    pen.line("0,-.88 0,-.3")
    if hem:
        pen.both([(inner + 0.01, length - hem), (outer - 0.01, length - hem)])


# --- garments that follow the wearer or the occasion -------------------------------------------


def tee(pen: Pen) -> None:
    depth = 0.3 if pen.look.gender == "Women" else 0.17
    upper(pen, depth=depth)
    neckline(pen, depth=depth)


def dress(pen: Pen) -> None:
    flare = pen.rng.uniform(0.62, 0.9)
    depth = 0.3 if pen.look.sleeve == "none" else 0.22
    upper(pen, bottom=1.25, hem=flare, depth=depth, neck=0.28)
    neckline(pen, neck=0.28, depth=depth)
    pen.line([(-0.5 * pen.waist, 0.1), (0.5 * pen.waist, 0.1)], width=0.07)
    pen.folds(-0.7, 0.7, 6, (0.5, 0.2), (flare, 1.2), 0.012)


def kurta(pen: Pen) -> None:
    upper(pen, bottom=1.2, hem=0.6, depth=0.1, neck=0.2)
    pen.line("-.2,-.8 0,-.7 .2,-.8", GOLD, 0.06)
    pen.line("0,-.7 0,0", GOLD, 0.08)
    pen.line([(-0.6 * pen.broad, 1.14), (0.6 * pen.broad, 1.14)], GOLD, 0.08)
    pen.both([(0.57 * pen.broad, 0.5), (0.5 * pen.broad, 1.18)], width=0.03)
    if pen.look.sleeve == "long":
        pen.both(".8,.52 .98,.48", GOLD, 0.06)


def trousers(pen: Pen) -> None:
    legs(pen, 1.25, 0.16, pen.rng.uniform(0.38, 0.5))
    pen.both(".3,-.85 .44,-.6")
    pen.both(".34,-.3 .34,1.2", shade(pen.look.colour, 0.8), 0.012)  # the crease


def skirt(pen: Pen) -> None:
    length, flare = pen.rng.uniform(0.35, 0.95), pen.rng.uniform(0.6, 0.95)
    half = [(0, -0.8), (0.4, -0.8), (0.52, -0.4), (flare, length), (0, length + 0.05)]
    pen.mirror(half, rounds=1)
    pen.line("-.41,-.68 .41,-.68", width=0.03)
    pen.folds(-0.8, 0.8, 7, (0.45, -0.6), (flare, length - 0.02), 0.014)


def bra(pen: Pen) -> None:
    sporty = pen.look.usage == "Sports"
    strap = 0.09 if sporty else 0.035
    pen.both(".36,-.9 .42,-.25", width=strap)
    pen.both(".36,-.9 .7,.1", width=strap)
    if sporty:
        pen.mirror("0,-.3 .4,-.5 .7,0 .72,.4 0,.42", rounds=1)
        pen.line("-.7,.3 .7,.3", width=0.04)
        return
    pen.fill_both(".05,.02 .38,-.34 .74,0 .6,.34 .22,.36")
    pen.fill("-.78,.02 -.74,.3 .74,.3 .78,.02 .6,.26 -.6,.26", rounds=0)


def briefs(pen: Pen) -> None:
    boxer = pen.look.gender in ("Men", "Boys")
    leg = ".78,.42 .14,.46 .08,.2 0,.2" if boxer else ".6,-.12 .16,.36 0,.4"
    pen.mirror(f"0,-.42 .68,-.42 {leg}", rounds=1)
    pen.line("-.68,-.34 .68,-.34", pen.light, 0.12 if boxer else 0.04)
    if boxer:
        pen.both(".14,-.28 .1,.18")


def swimsuit(pen: Pen) -> None:
    pen.both(".3,-1.1 .26,-.6", width=0.07)
    body = f"0,-.3 .16,-.62 .36,-.7 .48,-.3 {0.38 * pen.waist},.1 .54,.5 .46,.62 .12,.96 0,.98"
    pen.mirror(body, rounds=1)
    pen.line("-.38,-.1 0,.02 .38,-.1")


def sneaker(pen: Pen) -> None:
    pen.fill("-.92,.4 1,.4 1,.6 -.92,.62", RUBBER, 1)
    pen.fill("-.88,.44 -.9,-.36 -.5,-.46 -.32,-.34 .2,0 .7,.12 .98,.24 .98,.44")
    pen.fill("-.9,-.32 -.62,-.36 -.58,.4 -.88,.42", pen.dark, 1)
    for x, y in ((-0.3, -0.28), (-0.16, -0.18), (-0.02, -0.09), (0.12, 0.0)):
        pen.line([(x, y), (x + 0.14, y + 0.2)], (248, 248, 248), 0.05)
    if pen.look.usage == "Sports":
        for x in (-0.45, -0.3, -0.15):
            pen.line([(x, 0.4), (x + 0.24, 0.02)], pen.look.accent, 0.07)
    pen.line(".5,.42 .6,.1")


def belt(pen: Pen) -> None:
    outer = [(np.cos(a) * 0.9, np.sin(a) * 0.5) for a in np.linspace(0.3, 2 * np.pi - 0.05, 50)]
    pen.line(outer, width=0.19)
    pen.line(outer, pen.look.colour, 0.15)
    pen.line(".86,-.02 .98,.34 .9,.5", pen.look.colour, 0.15)
    pen.line(".78,-.12 1.02,-.12 1.04,.14 .8,.14 .78,-.12", METAL, 0.05)
    for x, y in outer[-9:-3:2]:
        pen.dot(x, y, 0.02, pen.dark)


_FITTED = (tee, dress, kurta, trousers, skirt, bra, briefs, swimsuit, sneaker, belt)
GARMENTS = {garment.__name__: garment for garment in _FITTED}
PARTS = {"upper": upper, "neckline": neckline, "legs": legs}
SILHOUETTES = sorted({*GARMENTS, *STROKES})


def draw_garment(pen: Pen) -> None:
    """Draws the silhouette of the pen's look onto its sheet."""
    silhouette = pen.look.silhouette
    if silhouette in GARMENTS:
        GARMENTS[silhouette](pen)
        return
    for name, *arguments in STROKES[silhouette]:
        options = arguments.pop() if isinstance(arguments[-1], dict) else {}
        if name in PARTS:
            PARTS[name](pen, *arguments, **options)
        else:
            getattr(pen, name)(*arguments, **options)
