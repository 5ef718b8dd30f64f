"""Which pictures a product of the sample catalogue needs, and how they are drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from sample.garments import draw_garment
from sample.pen import SKIN, Look, Pen, shade
from sample.products import COLOURS, Product

# What a garment lies on: paper of a studio; a seller's floor, carpet, bed.
GROUND = {
    "HNM": [(246, 246, 244), (240, 239, 236), (228, 228, 226)],
    "PHONE": [(176, 140, 104), (128, 126, 132), (206, 200, 190), (150, 160, 172)],
}
TEXTURE = dict.fromkeys(("leather", "faux leather", "rubber"), "glossy") | {
    **dict.fromkeys(("silk", "nylon"), "shiny"),
    "canvas": "canvas",
}
UPPER = {"tee", "top", "shirt", "sweater", "cardigan", "jacket", "coat", "blazer", "dress", "kurta"}


@dataclass(frozen=True)
class Picture:
    """One image file to draw; `damage` is what is wrong with it, or ""."""

    path: Path
    look: Look
    size: tuple[int, int]
    damage: str
    seed: tuple[int, ...]


def look_of(product: Product, colour: str) -> Look:
    denim = product.pattern == "denim"
    woven = {"Knitwear": "knit"}.get(product.kind.category) or TEXTURE.get(product.material)
    return Look(
        silhouette=product.kind.silhouette,
        colour=tuple(COLOURS[colour]["rgb"]),
        accent=tuple(COLOURS[product.accent]["rgb"]),
        pattern="solid" if denim else product.pattern,
        texture="denim" if denim else woven or "plain",
        gender=product.gender,
        usage=product.usage,
        sleeve=product.sleeve,
        studio=product.source,
    )


def pictures_of(
    product: Product, paths: list[Path], size: tuple[int, int], seed: int
) -> Iterator[Picture]:
    """One picture per colour, unless the product's planted case says otherwise."""
    for path, colour in zip(paths, product.colours, strict=True):
        first = colour == product.colours[0]
        if product.case == "no_image" or (first and product.case == "first_colour_without_image"):
            continue
        damage = product.case if product.case in ("truncated", "greyscale", "cmyk") else ""
        yield Picture(path, look_of(product, colour), size, damage, (seed, int(path.stem)))


def mannequin(pen: Pen) -> None:
    """The wearer, behind the garment: head, arms, legs."""
    skin = SKIN[pen.rng.integers(len(SKIN))]
    hair = shade(SKIN[-1], 0.5)
    long_legs = pen.look.silhouette in ("dress", "coat", "kurta")
    below = skin if pen.look.silhouette == "dress" else (56, 66, 92)
    for side in (-1, 1):
        x0, x1 = side * 0.1, side * 0.46
        pen.fill([(x0, 0.5), (x1, 0.5), (side * 0.42, 1.6), (side * 0.14, 1.6)], below, 0)
        if pen.look.sleeve != "long" or not long_legs:
            pen.line([(side * 0.55, -0.5), (side * 0.84, 0.1), (side * 0.9, 0.72)], skin, 0.17)
    if pen.look.gender == "Women":
        pen.fill("-.3,-1.3 .3,-1.3 .36,-.66 -.36,-.66", hair)
    pen.fill("-.13,-1 .13,-1 .2,-.6 -.2,-.6", skin, 0)
    pen.mirror("0,-1.4 .18,-1.36 .22,-1.14 .12,-.92 0,-.9", skin)
    pen.mirror("0,-1.45 .22,-1.4 .24,-1.2 .14,-1.3 0,-1.3", hair)


def motif(pen: Pen) -> None:
    """What an occasion or an age leaves on a garment: stripes, sparkle, trim, a chest print."""
    look, rng = pen.look, pen.rng
    if look.usage == "Sports" and look.silhouette in UPPER:
        b = pen.broad
        pen.both([(0.28, -0.77), (0.56 * b, -0.64), (0.72 * b, -0.3)], look.accent, 0.07)
        pen.line("-.2,-.3 0,-.16 .2,-.3", look.accent, 0.06)
    elif look.usage == "Sports" and look.silhouette in ("joggers", "shorts"):
        pen.both(".47,-.85 .5,0", look.accent, 0.06)
    elif look.usage == "Party":
        for x, y in rng.uniform((-0.5, -0.5), (0.5, 0.8), (70, 2)):
            pixel = tuple(map(int, pen.place([(x, y)])[0]))
            if pen.sheet.getpixel(pixel)[3]:
                pen.dot(x, y, 0.018, (252, 246, 222))
    elif look.usage == "Smart Casual" and look.silhouette in ("shirt", "sweater"):
        pen.both(".02,-.62 .26,-.7", look.accent, 0.06)
    elif look.usage == "Smart Casual" and look.silhouette == "trousers":
        pen.both(".05,-.93 .4,-.93", look.accent, 0.06)
    if look.silhouette in ("tee", "sweater") and look.gender in ("Boys", "Girls", "Unisex"):
        girls = look.gender == "Girls"  # a flower for them, a star for the others
        tips = np.arange(16 if girls else 10)
        angle, radius = tips * 2 * np.pi / len(tips) - np.pi / 2, np.where(tips % 2, 0.11, 0.25)
        star = np.stack([np.cos(angle) * radius, np.sin(angle) * radius], 1).tolist()
        pen.fill(star, look.accent, 2 if girls else 0)


def background(look: Look, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Paper or floor under a lamp (HNM, PHONE), plain cut-out white (FASHION); float32 RGB."""
    if look.studio == "FASHION":
        return np.full((size[1], size[0], 3), 255, np.float32)
    x = np.linspace(0, 1, size[0], dtype=np.float32)[None, :]
    y = np.linspace(0, 1, size[1], dtype=np.float32)[:, None]
    lamp = 14 * ((x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.1, 0.6)) ** 2)
    grain = rng.standard_normal((size[1], size[0]), dtype=np.float32)
    paper = np.array(rng.choice(GROUND[look.studio]), np.float32)
    return paper + (grain - lamp)[..., None]


def draw(look: Look, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """One product picture: RGB of `size` = (width, height) pixels. Pose and light come from rng."""
    pen = Pen(look, rng)
    if pen.worn and look.silhouette in UPPER:
        mannequin(pen)
    draw_garment(pen)
    motif(pen)
    garment = pen.sheet.crop(pen.sheet.getbbox())
    share = rng.uniform(0.8, 0.92) * (0.8 if look.gender in ("Boys", "Girls") else 1.0)
    zoom = share * min(size[0] / garment.width, size[1] / garment.height)
    shape = (round(garment.width * zoom), round(garment.height * zoom))
    garment = garment.resize(shape, Image.Resampling.BILINEAR)
    layer = Image.new("RGBA", size)
    slack = np.array(size) - garment.size
    layer.paste(garment, tuple((slack * rng.uniform(0.38, 0.62, 2)).astype(int).tolist()))

    pixels = background(look, size, rng)
    shadow = layer.getchannel("A").filter(ImageFilter.GaussianBlur(size[0] / 45))
    drop = (round(size[1] * 0.012), round(size[0] * rng.uniform(-0.02, 0.02)))
    depth = 14 if look.studio == "FASHION" else 60
    pixels -= np.roll(np.asarray(shadow, np.float32), drop, (0, 1))[..., None] / 255 * depth
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    picture.paste(layer, mask=layer)
    light = {"HNM": (0.94, 1.04), "FASHION": (0.98, 1.03), "PHONE": (0.6, 1.1)}
    exposure = rng.uniform(*light[look.studio])
    return picture.point(lambda value: min(255, int(value * exposure)))


def save(picture: Picture) -> None:
    """Draws one picture and writes it as JPEG."""
    image = draw(picture.look, picture.size, np.random.default_rng(picture.seed))
    mode = {"greyscale": "L", "cmyk": "CMYK"}.get(picture.damage, "RGB")
    buffer = BytesIO()
    image.convert(mode).save(buffer, "JPEG", quality=88)
    content = buffer.getvalue()
    if picture.damage == "truncated":
        content = content[: len(content) // 2]
    picture.path.write_bytes(content)
