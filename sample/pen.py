"""Pen, cloth and sheet: what every garment of the sample catalogue is drawn with (Pillow).

Coordinates are garment units: x from -1 (left) to 1 (right), y from -1.6 (top) to 1.6, origin
in the middle of the sheet. The sheet is about twice the size of the picture; what is drawn on
it is cropped and reduced into the frame, which is what makes the edges smooth.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor, ImageDraw

Point = tuple[float, float]
Path = str | list[Point]  # a string is written as in SVG: "x,y x,y x,y"
Colour = tuple[int, int, int]
Paint = Colour | str  # also a name or #rrggbb
SHEET, UNIT = (480, 640), 190  # pixels of the sheet, and of one garment unit on it
GOLD, RUBBER, METAL = (201, 162, 64), (236, 233, 226), (150, 148, 142)
SKIN = ((236, 200, 172), (205, 156, 120), (160, 112, 80), (112, 76, 54))


@dataclass(frozen=True)
class Look:
    """What a picture shows: `silhouette` is one of `garments`; colours are 8-bit RGB."""

    silhouette: str
    colour: Colour
    accent: Colour
    pattern: str  # solid, striped, checked, dotted, printed
    texture: str  # plain, knit, denim, glossy, shiny, canvas
    gender: str
    usage: str
    sleeve: str  # none, short, long
    # HNM: laid flat on off-white; FASHION: cut out on white, half of it worn; PHONE: on a floor
    studio: str


def points(path: Path) -> list[Point]:
    if isinstance(path, str):
        return [tuple(map(float, pair.split(","))) for pair in path.split()]
    return path


def mirrored(half: Path) -> list[Point]:
    """Closes a right-hand outline, given from top centre to bottom centre."""
    half = points(half)
    return half + [(-x, y) for x, y in reversed(half)]


def rounded(path: Path, rounds: int) -> list[Point]:
    """Chaikin's corner cutting."""
    ring = np.asarray(points(path))
    for _ in range(rounds):
        after = np.roll(ring, -1, axis=0)
        ring = np.stack([0.75 * ring + 0.25 * after, 0.25 * ring + 0.75 * after], 1).reshape(-1, 2)
    return list(map(tuple, ring.tolist()))


def shade(colour: Colour, factor: float) -> Colour:
    """Darker below 1, nearer to white above 1."""
    if factor <= 1:
        return tuple(int(channel * factor) for channel in colour)
    return tuple(int(255 - (255 - channel) / factor) for channel in colour)


class Pen:
    """A transparent sheet, the pose the garment lies in, and the cloth it is cut from."""

    def __init__(self, look: Look, rng: np.random.Generator):
        self.look, self.rng = look, rng
        child = look.gender in ("Boys", "Girls")
        self.waist = {"Women": 0.8, "Girls": 0.9, "Men": 1.02}.get(look.gender, 0.97)
        self.broad = {"Women": 0.9, "Girls": 0.92, "Men": 1.06}.get(look.gender, 1.0)
        self.worn = look.studio == "FASHION" and not child and rng.random() < 0.5
        self.stretch = (UNIT * 1.1, UNIT * 0.9) if child else (UNIT, UNIT)
        self.turn = np.deg2rad(rng.normal(0, 9.0 if look.studio == "PHONE" else 3.0))
        self.flip = -1 if rng.random() < 0.5 else 1
        self.sheet = Image.new("RGBA", SHEET)
        self.draw = ImageDraw.Draw(self.sheet)
        self.cloth = cloth(look, rng)
        self.dark, self.light = shade(look.colour, 0.62), shade(look.colour, 1.7)
        self.colours = {
            "dark": self.dark,
            "light": self.light,
            "accent": look.accent,
            "blouse": shade(look.accent, 0.8),
            "visor": shade(look.accent, 0.85),
            "gold": GOLD,
            "metal": METAL,
        }

    def rgb(self, colour: Paint) -> Colour:
        """The 8-bit RGB of a colour of this garment by name, or of one given as #rrggbb or RGB."""
        if not isinstance(colour, str):
            return colour
        return self.colours[colour] if colour in self.colours else ImageColor.getrgb(colour)

    def place(self, path: Path) -> list[Point]:
        xy = np.asarray(points(path)) * self.stretch
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        x = self.flip * (xy[:, 0] * cos - xy[:, 1] * sin) + SHEET[0] / 2
        y = xy[:, 0] * sin + xy[:, 1] * cos + SHEET[1] / 2
        return list(zip(x.tolist(), y.tolist(), strict=True))

    def fill(self, path: Path, colour: Paint = "cloth", rounds: int = 2) -> None:
        """Fills an outline with a colour, or with the cloth, and draws its hem line."""
        outline = self.place(rounded(path, rounds))
        if colour == "cloth":
            mask = Image.new("1", self.sheet.size)
            ImageDraw.Draw(mask).polygon(outline, fill=1)
            self.sheet.paste(self.cloth, mask=mask)
            edge = self.dark
        else:
            self.draw.polygon(outline, fill=self.rgb(colour))
            edge = shade(self.rgb(colour), 0.75)
        self.draw.line([*outline, outline[0]], fill=edge, width=2, joint="curve")

    def mirror(self, half: Path, colour: Paint = "cloth", rounds: int = 2) -> None:
        """A filled outline of which the right-hand half is given, from top to bottom centre."""
        self.fill(mirrored(half), colour, rounds)

    def fill_both(self, path: Path, rounds: int = 2) -> None:
        """A filled outline and its mirror image."""
        self.fill(path, rounds=rounds)
        self.fill([(-x, y) for x, y in points(path)], rounds=rounds)

    def line(self, path: Path, colour: Paint = "dark", width: float = 0.02) -> None:
        pixels = max(1, round(width * self.stretch[0]))
        self.draw.line(self.place(path), fill=self.rgb(colour), width=pixels, joint="curve")

    def both(self, path: Path, colour: Paint = "dark", width: float = 0.02) -> None:
        """A line and its mirror image."""
        self.line(path, colour, width)
        self.line([(-x, y) for x, y in points(path)], colour, width)

    def folds(
        self, left: float, right: float, count: int, top: Point, bottom: Point, width: float = 0.02
    ) -> None:
        """Lines from top to bottom, each of which is (how far they spread, height)."""
        for x in np.linspace(left, right, count):
            self.line([(x * top[0], top[1]), (x * bottom[0], bottom[1])], width=width)

    def dot(self, x: float, y: float, radius: float, colour: Paint) -> None:
        (cx, cy), r = self.place([(x, y)])[0], radius * self.stretch[0]
        self.draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=self.rgb(colour))

    def buttons(self, x: float, top: float, bottom: float, count: int) -> None:
        for y in np.linspace(top, bottom, count):
            self.dot(x, y, 0.03, "light")


def cloth(look: Look, rng: np.random.Generator) -> Image.Image:
    """The fabric as a sheet: colour, pattern, weave, folds, light."""
    width, height = SHEET[0] // 2, SHEET[1] // 2
    x = np.linspace(0, 100, width, dtype=np.float32)[None, :]  # percent of the width
    y = np.linspace(0, 133, height, dtype=np.float32)[:, None]
    base, accent = (np.array(c, dtype=np.float32) for c in (look.colour, look.accent))
    period = rng.uniform(7, 12)
    if look.pattern == "striped":
        along = y if rng.random() < 0.7 else x
        mix = (along % period) < period * rng.uniform(0.3, 0.5)
    elif look.pattern == "checked":
        mix = 0.5 * ((x % period) < period / 2) + 0.5 * ((y % period) < period / 2)
    elif look.pattern == "dotted":
        across = (x + y // period * period / 2) % period - period / 2
        mix = across**2 + (y % period - period / 2) ** 2 < (period * 0.24) ** 2
    elif look.pattern == "printed":  # all-over leaves: two crossing warped waves
        a, b = rng.uniform(0.45, 0.7, 2).tolist()
        mix = np.sin(x * a + 2 * np.sin(y * b)) * np.sin(y * a + 2 * np.cos(x * b)) > 0.25
    else:
        mix = np.zeros((1, 1))
    noise = rng.standard_normal((height, width), dtype=np.float32)
    weave = {
        "plain": lambda: 0.0,
        "knit": lambda: 0.09 * np.sin(x * 4.2 + 1.2 * np.sin(y * 3.1)),
        "denim": lambda: 0.07 * np.sin((x + y) * 4.5) + 0.05 * noise,
        "glossy": lambda: 0.30 * np.exp(-(((x - 40 - 0.2 * y) / 7) ** 2)),
        "shiny": lambda: 0.16 * np.sin(x * 0.35 + np.sin(y * 0.06) * 2),
        "canvas": lambda: 0.05 * np.sign(np.sin(x * 5) * np.sin(y * 5)),
    }[look.texture]()
    folds = 0.05 * np.sin(x * rng.uniform(0.12, 0.3) + y * rng.uniform(-0.08, 0.08))
    light = rng.uniform(-0.12, 0.12) * (x - 50) / 50 + rng.uniform(-0.08, 0.04) * (y - 66) / 66
    tone = (1 + weave + folds + light + 0.012 * noise)[..., None]
    # A black garment still shows its folds: a photograph never is quite black.
    rgb = (base + (accent - base) * mix.astype(np.float32)[..., None]) * tone + 10 * (tone - 0.9)
    return Image.fromarray(np.clip(rgb, 6, 250).astype(np.uint8)).resize(
        SHEET, Image.Resampling.NEAREST
    )
