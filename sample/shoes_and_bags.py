"""Silhouettes of the sample catalogue's shoes and accessories, in the units of `pen`."""

import numpy as np

from sample.pen import GOLD, METAL, RUBBER, Pen, mirrored, points, shade


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


def oxford(pen: Pen) -> None:
    pen.fill("-.9,.4 1,.4 1,.49 -.48,.49 -.5,.66 -.9,.66", (38, 30, 26), 0)
    pen.fill("-.88,.44 -.9,-.3 -.6,-.36 -.24,-.28 .2,.02 .74,.14 1.02,.28 1,.44")
    pen.line("-.3,-.24 .14,0 .04,.42", width=0.03)
    pen.line(".48,.42 .56,.1", width=0.04)
    for x in (-0.2, -0.08, 0.04):
        pen.line([(x, -0.16 + x * 0.5), (x + 0.12, 0.02 + x * 0.5)], pen.light, 0.03)


def boot(pen: Pen) -> None:
    pen.fill("-.6,.62 .86,.62 .86,.72 -.2,.72 -.22,.86 -.6,.86", (44, 36, 32), 0)
    pen.fill("-.58,.64 -.54,-.8 .06,-.8 .08,.1 .4,.3 .88,.46 .86,.64")
    pen.line("-.54,-.66 .06,-.66")
    pen.line("-.3,-.6 -.28,.5", METAL, 0.035)


def heel(pen: Pen) -> None:
    pen.fill("-.78,-.1 -.66,-.1 -.7,.62 -.78,.62", pen.dark, 0)
    pen.fill("-.86,-.46 -.6,-.3 -.25,.02 .3,.28 .96,.46 .96,.6 .4,.58 -.2,.3 -.6,0 -.86,0")
    pen.line(".96,.6 .4,.6 -.2,.34", (60, 40, 34), 0.04)


def sandal(pen: Pen) -> None:
    pen.fill("-.9,.3 .95,.34 .98,.46 -.9,.5", (168, 124, 82), 1)
    for start, end in ((-0.1, 0.3), (0.32, 0.74)):
        middle = (start + end) / 2
        pen.fill(
            [(start, 0.34), (middle - 0.1, -0.02), (middle + 0.14, -0.02), (end, 0.36)], round_=1
        )
    pen.line("-.8,.32 -.72,-.12 -.1,.02 0,.3", pen.dark, 0.07)
    pen.dot(-0.4, -0.06, 0.05, GOLD)


def flipflop(pen: Pen) -> None:
    for offset in (-0.42, 0.42):
        sole = "0,-.9 .3,-.75 .3,-.2 .22,.2 .26,.8 0,.95 -.24,.8 -.24,.1 -.3,-.5"
        pen.fill([(x + offset, y) for x, y in points(sole)])
        for side in (-1, 1):
            pen.line([(offset, -0.55), (offset + side * 0.25, 0.1)], pen.look.accent, 0.09)


def handbag(pen: Pen) -> None:
    pen.line("-.4,-.2 -.36,-.78 0,-.95 .36,-.78 .4,-.2", pen.dark, 0.07)
    pen.fill(mirrored("0,-.28 .62,-.26 .84,.62 0,.66"), round_=1)
    pen.line("-.66,-.08 .66,-.08", width=0.03)
    pen.dot(0, 0.02, 0.07, GOLD)
    pen.both(".4,-.2 .42,0", GOLD, 0.04)


def clutch(pen: Pen) -> None:
    pen.fill("-.88,-.34 .88,-.34 .88,.46 -.88,.46", round_=1)
    pen.line("-.86,-.3 0,.16 .86,-.3", width=0.03)
    pen.dot(0, 0.14, 0.08, GOLD)


def backpack(pen: Pen) -> None:
    pen.line("-.14,-.8 -.1,-1 .1,-1 .14,-.8", pen.dark, 0.06)
    pen.both(".5,-.6 .78,-.1 .66,.6", pen.dark, 0.1)
    pen.fill(mirrored("0,-.86 .42,-.82 .6,-.4 .62,.78 0,.82"))
    pen.fill(mirrored("0,.06 .42,.06 .44,.66 0,.68"), pen.dark, 1)
    pen.line("-.5,-.4 0,-.56 .5,-.4", METAL, 0.03)
    pen.line("-.36,.18 .36,.18", METAL, 0.03)


def duffel(pen: Pen) -> None:
    pen.both(".3,-.1 .22,-.52 0,-.58", pen.dark, 0.07)
    pen.fill(mirrored("0,-.26 .86,-.24 1,.1 .94,.52 0,.56"), round_=1)
    pen.both(".34,-.22 .36,.52", pen.dark, 0.07)
    pen.line("-.84,-.16 .84,-.16", METAL, 0.03)
    pen.fill(".5,0 .66,0 .66,.26 .5,.26", GOLD, 0)  # the luggage tag


def belt(pen: Pen) -> None:
    outer = [(np.cos(a) * 0.9, np.sin(a) * 0.5) for a in np.linspace(0.3, 2 * np.pi - 0.05, 50)]
    pen.line(outer, width=0.19)
    pen.line(outer, pen.look.colour, 0.15)
    pen.line(".86,-.02 .98,.34 .9,.5", pen.look.colour, 0.15)
    pen.line(".78,-.12 1.02,-.12 1.04,.14 .8,.14 .78,-.12", METAL, 0.05)
    for x, y in outer[-9:-3:2]:
        pen.dot(x, y, 0.02, pen.dark)


def cap(pen: Pen) -> None:
    pen.fill("-.1,.16 .5,.12 1.02,.3 .94,.44 .4,.36 -.1,.34", shade(pen.look.accent, 0.85))
    pen.fill("-.72,.28 -.72,-.2 -.4,-.54 .02,-.58 .42,-.3 .5,.24")
    pen.line("-.02,-.56 -.14,.26")
    pen.line("-.36,-.5 -.5,.26")
    pen.dot(-0.06, -0.56, 0.05, pen.dark)


def scarf(pen: Pen) -> None:
    pen.fill("-.5,-.3 -.16,-.34 -.3,.95 -.62,.92", round_=0)
    pen.fill(".12,-.34 .44,-.3 .5,1.05 .18,1.08", round_=0)
    pen.fill("-.66,-.5 -.3,-.86 .3,-.86 .66,-.5 .3,-.16 -.3,-.16")
    pen.line("-.5,-.5 0,-.3 .5,-.5", width=0.03)
    for x in np.linspace(-0.6, -0.32, 6):
        pen.line([(x, 0.9), (x, 1.06)])
    for x in np.linspace(0.2, 0.48, 6):
        pen.line([(x, 1.05), (x, 1.2)])


SHOES_AND_BAGS = (
    *(sneaker, oxford, boot, heel, sandal, flipflop),
    *(handbag, clutch, backpack, duffel, belt, cap, scarf),
)
