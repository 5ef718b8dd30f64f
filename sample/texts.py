"""The words of the sample catalogue: titles, descriptions, fit, composition, care."""

from dataclasses import dataclass

import numpy as np

NAMES = (
    "Alder Anise Aspen Aster Birch Briar Calla Cassia Cedar Clover Cosmo Dahlia Elder Elm Fennel "
    "Fern Flint Garnet Hazel Heath Holly Iris Ivy Jasper Juniper Kestrel Larch Laurel Linnet "
    "Lotus Lupin Maple Marl Mica Myrtle Nettle Olive Onyx Opal Otis Petrel Poppy Quill Robin "
    "Rowan Rue Sable Sage Senna Sorrel Tansy Tarn Teal Thyme Topaz Umber Vesper Willow Wren Yarrow "
    "Zinnia"
).split()
WHOM = {
    "Women": ("for women", "in a women's cut", "from the women's range"),
    "Men": ("for men", "in a men's cut", "from the men's range"),
    "Boys": ("for boys", "in boys' sizes", "from the boys' range"),
    "Girls": ("for girls", "in girls' sizes", "from the girls' range"),
    "Unisex": ("for everyone", "in a unisex cut", "from the unisex range"),
}
OCCASION = {
    "Casual": ("Easy to wear every day", "A relaxed piece for the weekend",
               "Made for unhurried casual days"),
    "Sports": ("Moves with you in training and at the gym", "Made for running and team sports",
               "A sports piece that dries quickly after a workout"),
    "Ethnic": ("Wear it to a festival or a family wedding", "A traditional ethnic piece",
               "Inspired by traditional hand-block craft"),
    "Formal": ("A formal piece for the office and for interviews", "Sharp enough for the boardroom",
               "Formal wear that keeps its line all day"),
    "Smart Casual": ("Smart casual, from desk to dinner", "Dress it up or down, smart casual",
                     "A smart casual piece for Fridays at work"),
    "Party": ("Made to sparkle at a party", "An evening piece for parties and nights out",
              "Shines on the dance floor"),
    "Travel": ("Built for travel and weekend trips", "Fits the cabin, made to travel",
               "Packs flat for long journeys"),
    "Home": ("Soft loungewear for slow evenings at home", "For lazy mornings at home",
             "Made to be worn at home"),
}  # fmt: skip
FITS = ("Regular fit", "Slim fit", "Relaxed fit", "Loose fit")
CARE = {
    "wash": ("Machine wash cold", "Machine wash at 40\N{DEGREE SIGN}C", "Hand wash in cold water"),
    "gentle": ("Dry clean only", "Hand wash, dry flat", "Gentle wash at 30\N{DEGREE SIGN}C"),
    "wipe": ("Wipe with a damp cloth", "Keep dry and dust with a soft brush"),
}
CARE_OF = dict.fromkeys(("wool", "silk", "cashmere"), "gentle") | dict.fromkeys(
    ("leather", "faux leather", "rubber", "canvas"), "wipe"
)
WORN_ON_BODY = (
    "a ribbed trim|a tonal topstitch|a small woven label|side slits|a curved hem|"
    "a double-stitched hem|flat seams|a hanging loop"
).split("|")
CARRIED = (
    "a padded lining|tonal stitching|metal details|an embossed logo|reinforced edges|"
    "a cushioned insole|contrast stitching"
).split("|")
SECOND_FIBRE = {
    "cotton": "elastane", "polyester": "elastane", "nylon": "elastane", "viscose": "polyester",
    "linen": "cotton", "wool": "polyamide", "silk": "viscose", "cashmere": "wool",
}  # fmt: skip


@dataclass(frozen=True)
class Words:
    """The parts that both layouts put together in their own way; plain text, no price."""

    name: str
    whom: str
    occasion: str
    fit: str  # "" for what is not worn on the body
    detail: str
    composition: str
    care: str
    variant: int  # which of the wordings and markups of a layout


def words(
    name: str, material: str, gender: str, usage: str, worn: bool, rng: np.random.Generator
) -> Words:
    pick = rng.choice
    return Words(
        name=name,
        whom=str(pick(WHOM[gender])),
        occasion=str(pick(OCCASION[usage])),
        fit=str(pick(FITS)) if worn else "",
        detail=str(pick(WORN_ON_BODY if worn else CARRIED)),
        composition=composition(material, rng),
        care=str(pick(CARE[CARE_OF.get(material, "wash")])),
        variant=int(rng.integers(1000)),
    )


def composition(material: str, rng: np.random.Generator) -> str:
    """The fibres in one of several wordings, e.g. ``95% cotton, 5% elastane``."""
    second = SECOND_FIBRE.get(material)
    if second is None:
        forms = (f"Upper: 100% {material}", f"100% {material}", f"Made of {material}")
        return str(rng.choice(forms))
    if rng.random() < 0.5:
        return str(rng.choice((f"100% {material}", f"{material.capitalize()} 100%",
                               f"Made from pure {material}")))  # fmt: skip
    share = int(rng.choice((98, 95, 90, 85, 80)))
    rest = 100 - share
    forms = (
        f"{share}% {material}, {rest}% {second}",
        f"{material.capitalize()} {share}%, {second} {rest}%",
        f"Shell: {share}% {material} and {rest}% {second}",
    )
    return str(rng.choice(forms))
