"""Which pictures a product of the sample catalogue needs, and what they show."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sample.pen import Look
from sample.products import COLOURS, Product

TEXTURE = {
    "leather": "glossy",
    "faux leather": "glossy",
    "rubber": "glossy",
    "silk": "shiny",
    "nylon": "shiny",
    "canvas": "canvas",
}


@dataclass(frozen=True)
class Picture:
    """One image file to draw; `damage` is what is wrong with it, or ""."""

    path: Path
    look: Look
    size: tuple[int, int]
    damage: str
    seed: tuple[int, ...]


def _look(product: Product, colour: str) -> Look:
    denim = product.pattern == "denim"
    woven = {"Knitwear": "knit"}.get(product.kind.category) or TEXTURE.get(product.material)
    return Look(
        silhouette=product.kind.silhouette,
        colour=COLOURS[colour][0],
        accent=COLOURS[product.accent][0],
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
        yield Picture(path, _look(product, colour), size, damage, (seed, int(path.stem)))
