"""Silhouettes of the sample catalogue's clothes, in the units of `pen`."""

import numpy as np

from sample.pen import GOLD, METAL, Pen, mirrored, shade


def upper(pen: Pen, bottom=0.85, hem=0.6, neck=0.24, depth=0.16, slack=1.0) -> None:
    """The body and sleeves that everything worn above the waist shares."""
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
    pen.fill(mirrored(top + arm + sides), round_=1)
    if sleeve != "none":
        pen.both([arm[-1], (0.52 * b, -0.6)])


def neckline(pen: Pen, neck=0.24, depth=0.16, width=0.05) -> None:
    points = [(x * neck, -0.8 + depth * (1 - x * x)) for x in np.linspace(-1, 1, 13)]
    pen.line(points, width=width)


def collar(pen: Pen) -> None:
    pen.fill_both("0,-.66 .3,-.6 .24,-.84 .1,-.86", 0)


def tee(pen: Pen) -> None:
    depth = 0.3 if pen.look.gender == "Women" else 0.17
    upper(pen, depth=depth)
    neckline(pen, depth=depth)


def top(pen: Pen) -> None:
    """A strappy or short top: wide neckline, cropped, gathered hem."""
    upper(pen, bottom=0.6, hem=0.64, neck=0.34, depth=0.34)
    neckline(pen, neck=0.34, depth=0.34)
    for x in np.linspace(-0.5, 0.5, 9):
        pen.line([(x, 0.46), (x * 1.04, 0.6)])


def shirt(pen: Pen) -> None:
    upper(pen, bottom=0.9, depth=0.1)
    collar(pen)
    pen.line(".05,-.64 .05,.9")
    pen.buttons(0, -0.5, 0.75, 7)
    pen.line("-.38,-.3 -.14,-.3 -.14,-.02 -.26,.05 -.38,-.02 -.38,-.3")


def sweater(pen: Pen) -> None:
    upper(pen, bottom=0.72, hem=0.54, depth=0.12, slack=1.08)
    neckline(pen, neck=0.25, depth=0.13, width=0.11)
    pen.line("-.55,.66 .55,.66", width=0.03)
    for x in np.linspace(-0.52, 0.52, 22):
        pen.line([(x, 0.67), (x, 0.75)], width=0.012)
    pen.both(".82,.5 1.02,.46", width=0.05)


def cardigan(pen: Pen) -> None:
    upper(pen, bottom=0.85, hem=0.56, depth=0.5, slack=1.06)
    pen.both(".24,-.8 .04,-.2 .04,.86", width=0.05)
    pen.buttons(0, -0.15, 0.75, 5)
    pen.both(".16,.45 .42,.45", width=0.05)


def jacket(pen: Pen) -> None:
    upper(pen, bottom=0.78, hem=0.62, depth=0.08, slack=1.12)
    pen.fill("-.27,-.78 .27,-.78 .22,-.96 -.22,-.96", round_=1)
    pen.line("0,-.95 0,.78", METAL, 0.05)
    pen.line("-.62,.68 .62,.68", width=0.03)
    pen.both(".2,.34 .42,.14", METAL, 0.035)


def coat(pen: Pen) -> None:
    upper(pen, bottom=1.28, hem=0.72, depth=0.4, slack=1.1)
    pen.fill_both("0,-.1 .36,-.5 .26,-.82 .12,-.72", 0)
    pen.line("0,-.1 0,1.28")
    pen.line("-.6,.2 .6,.2", width=0.09)
    pen.buttons(-0.14, 0.0, 0.62, 3)
    pen.buttons(0.14, 0.0, 0.62, 3)


def blazer(pen: Pen) -> None:
    upper(pen, bottom=0.86, hem=0.62, depth=0.62, slack=1.06)
    pen.fill("-.2,-.74 .2,-.74 0,-.05", (245, 245, 245), 0)
    pen.fill_both("0,.1 .36,-.42 .25,-.84 .13,-.7", 0)
    pen.line("0,.1 .02,.86")
    pen.buttons(0, 0.2, 0.42, 2)
    pen.both(".26,.42 .5,.4", width=0.05)


def dress(pen: Pen) -> None:
    flare = pen.rng.uniform(0.62, 0.9)
    depth = 0.3 if pen.look.sleeve == "none" else 0.22
    upper(pen, bottom=1.25, hem=flare, depth=depth, neck=0.28)
    neckline(pen, neck=0.28, depth=depth)
    pen.line([(-0.5 * pen.waist, 0.1), (0.5 * pen.waist, 0.1)], width=0.07)
    for x in np.linspace(-0.7, 0.7, 6):
        pen.line([(x * 0.5, 0.2), (x * flare, 1.2)], width=0.012)


def legs(pen: Pen, length: float, inner: float, outer: float, hem: float = 0.0) -> None:
    """`inner` and `outer` are where the end of a leg begins and ends; `hem` is its height."""
    curvy = pen.waist < 0.95
    hip, waist = (0.53, 0.38) if curvy else (0.5, 0.42)
    outside = [(0, -1.0), (waist, -1.0), (hip, -0.55), (outer, length), (inner, length)]
    pen.fill(mirrored([*outside, (0.04, -0.25), (0, -0.28)]), round_=0)
    pen.line([(-waist - 0.02, -0.88), (waist + 0.02, -0.88)], width=0.025)
    pen.line("0,-.88 0,-.3")
    if hem:
        pen.both([(inner + 0.01, length - hem), (outer - 0.01, length - hem)])


def trousers(pen: Pen) -> None:
    legs(pen, 1.25, 0.16, pen.rng.uniform(0.38, 0.5))
    pen.both(".3,-.85 .44,-.6")
    pen.both(".34,-.3 .34,1.2", shade(pen.look.colour, 0.8), 0.012)  # the crease


def jeans(pen: Pen) -> None:
    legs(pen, 1.25, 0.2, 0.43, 0.08)
    stitch = (214, 170, 96)
    pen.both(".18,-.85 .24,-.68 .44,-.64", stitch)
    pen.both(".47,-.5 .4,1.2", stitch, 0.012)
    pen.dot(0, -0.93, 0.035, METAL)


def joggers(pen: Pen) -> None:
    legs(pen, 1.18, 0.2, 0.4)
    pen.both(".04,-.9 .08,-.6", (245, 245, 245), 0.025)
    pen.both(".2,1.12 .4,1.12", width=0.12)


def shorts(pen: Pen) -> None:
    legs(pen, 0.1, 0.06, 0.6, 0.07)
    pen.both(".3,-.85 .46,-.6")


def swimshorts(pen: Pen) -> None:
    legs(pen, -0.1, 0.06, 0.62, 0.05)
    pen.both(".03,-.9 .14,-.62", (248, 248, 248), 0.035)
    pen.both(".5,-.56 .57,-.16", pen.look.accent, 0.06)


def skirt(pen: Pen) -> None:
    length, flare = pen.rng.uniform(0.35, 0.95), pen.rng.uniform(0.6, 0.95)
    pen.fill(
        mirrored([(0, -0.8), (0.4, -0.8), (0.52, -0.4), (flare, length), (0, length + 0.05)]),
        round_=1,
    )
    pen.line("-.41,-.68 .41,-.68", width=0.03)
    for x in np.linspace(-0.8, 0.8, 7):
        pen.line([(x * 0.45, -0.6), (x * flare, length - 0.02)], width=0.014)


def bra(pen: Pen) -> None:
    sporty = pen.look.usage == "Sports"
    strap = 0.09 if sporty else 0.035
    pen.both(".36,-.9 .42,-.25", width=strap)
    pen.both(".36,-.9 .7,.1", width=strap)
    if sporty:
        pen.fill(mirrored("0,-.3 .4,-.5 .7,0 .72,.4 0,.42"), round_=1)
        pen.line("-.7,.3 .7,.3", width=0.04)
        return
    pen.fill_both(".05,.02 .38,-.34 .74,0 .6,.34 .22,.36")
    pen.fill("-.78,.02 -.74,.3 .74,.3 .78,.02 .6,.26 -.6,.26", round_=0)


def briefs(pen: Pen) -> None:
    boxer = pen.look.gender in ("Men", "Boys")
    leg = ".78,.42 .14,.46 .08,.2 0,.2" if boxer else ".6,-.12 .16,.36 0,.4"
    pen.fill(mirrored(f"0,-.42 .68,-.42 {leg}"), round_=1)
    pen.line("-.68,-.34 .68,-.34", pen.light, 0.12 if boxer else 0.04)
    if boxer:
        pen.both(".14,-.28 .1,.18")


def undervest(pen: Pen) -> None:
    upper(pen, bottom=0.9, hem=0.5, neck=0.22, depth=0.42)
    neckline(pen, neck=0.22, depth=0.42, width=0.035)


def swimsuit(pen: Pen) -> None:
    pen.both(".3,-1.1 .26,-.6", width=0.07)
    body = f"0,-.3 .16,-.62 .36,-.7 .48,-.3 {0.38 * pen.waist},.1 .54,.5 .46,.62 .12,.96 0,.98"
    pen.fill(mirrored(body), round_=1)
    pen.line("-.38,-.1 0,.02 .38,-.1")


def bikini_top(pen: Pen) -> None:
    pen.both(".34,-.32 .1,-1 .06,-1.1", width=0.035)
    pen.fill_both(".05,.2 .33,-.36 .66,.2", 1)
    pen.line("-.95,.26 -.66,.2 .66,.2 .95,.26", width=0.035)
    pen.dot(0, 0.2, 0.05, GOLD)


def bikini_bottom(pen: Pen) -> None:
    pen.fill(mirrored("0,-.2 .62,-.3 .66,-.16 .14,.42 0,.44"), round_=1)
    for loose_end in (".86,-.42", ".9,-.02", ".76,.16"):
        pen.both(f".62,-.24 {loose_end}", width=0.035)


def kurta(pen: Pen) -> None:
    upper(pen, bottom=1.2, hem=0.6, depth=0.1, neck=0.2)
    pen.line("-.2,-.8 0,-.7 .2,-.8", GOLD, 0.06)
    pen.line("0,-.7 0,0", GOLD, 0.08)
    pen.line([(-0.6 * pen.broad, 1.14), (0.6 * pen.broad, 1.14)], GOLD, 0.08)
    pen.both([(0.57 * pen.broad, 0.5), (0.5 * pen.broad, 1.18)], width=0.03)
    if pen.look.sleeve == "long":
        pen.both(".8,.52 .98,.48", GOLD, 0.06)


def saree(pen: Pen) -> None:
    blouse = shade(pen.look.accent, 0.8)
    pen.fill(mirrored("0,-.7 .22,-.8 .62,-.5 .42,-.3 .36,-.1 0,-.1"), blouse)
    pen.fill(mirrored("0,0 .36,0 .5,.4 .66,1.25 0,1.28"), round_=1)
    for x in np.linspace(-0.2, 0.3, 6):
        pen.line([(x * 0.4, 0.1), (x, 1.2)])
    pen.fill(".16,-.82 .36,-.72 .1,.1 -.36,.3 -.4,0", round_=1)
    pen.fill(".2,-.8 .44,-.7 .86,.7 .54,.8", round_=1)
    pen.line(".44,-.68 .86,.7 .54,.8", GOLD, 0.06)
    pen.line("-.65,1.2 .65,1.2", GOLD, 0.09)
    pen.line(".16,-.8 -.4,.02", GOLD, 0.05)


CLOTHES = (
    *(tee, top, shirt, sweater, cardigan, jacket, coat, blazer, dress, trousers, jeans, joggers),
    *(shorts, swimshorts, skirt, bra, briefs, undervest, swimsuit, bikini_top, bikini_bottom),
    *(kurta, saree),
)
