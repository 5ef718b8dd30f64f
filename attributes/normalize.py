"""Normal values: what a listing says of a garment, in a controlled vocabulary.

``100% Pure COTTON jersey`` is cotton, ``half sleeves`` are short sleeves. Each value comes with
the words it was read from. The vocabulary and its synonyms are in :mod:`attributes.normal_words`;
here is what a list of synonyms cannot say: which of several mentions counts, and which do not
speak of the garment (*do not iron on print*, *mesh lining*, *team it with a striped shirt*).
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from attributes import normal_words as words
from attributes.rules import item, name_key, whole_words

NAMES = ("fabric", "care", "fit", "pattern", "sleeve", "neck", "length", "occasion")


class Mention(NamedTuple):
    """value: of the vocabulary. found: the words of the text. start: where they stand."""

    value: str
    found: str
    start: int


class Fibre(NamedTuple):
    """A part of a composition; percent is 0 where the text gives none."""

    name: str
    percent: float


NOTHING = Mention("", "", -1)

_VALUES = {
    name: {value: whole_words(ways) for value, ways in values.items()}
    for name, values in words.NORMAL.items()
}
_FIBRES = {name: whole_words(ways) for name, ways in words.FIBRES.items()}
_ANY_FIBRE = "|".join("".join(ways.split("\n")) for ways in words.FIBRES.values())
_PERCENT = r"(?P<{}>\d{{1,3}}(?:\.\d+)?) ?(?:%|percent|per cent)"
_COMPOSITION = whole_words(
    rf"{_PERCENT.format('before')},? ?(?:of )?(?:\w{{1,20}} ){{0,4}}?(?P<first>{_ANY_FIBRE})",
    rf"(?P<second>{_ANY_FIBRE}) ?[:(]? ?{_PERCENT.format('after')}",
)
_FIT_IN_TITLE, _FIT_OF_LEGS = (
    {value: whole_words(ways) for value, ways in values.items()}
    for values in (words.FIT_IN_TITLE, words.FIT_OF_LEGS)
)
_STRAPS, _STRAPPED = whole_words(words.STRAPS), whole_words(words.STRAPPED)
_NOT_CARE = whole_words(words.NOT_CARE)
_NOT_OF_IT = whole_words(words.NOT_OF_IT)
_TOGETHER_WITH = re.compile(words.TOGETHER_WITH, re.IGNORECASE)


def read(title: str, description: str, brand: str = "") -> dict[str, Mention]:
    """The value of each attribute of :data:`NAMES`; ``NOTHING`` where the text names none.

    ``brand``: as the text writes it; the *Polo* of U.S. Polo Assn. is no collar.
    """
    if brand:
        title, description = (
            _blanked(text, re.compile(re.escape(brand))) for text in (title, description)
        )
    about = _TOGETHER_WITH.sub(_spare_own, f"{title}. {description}")
    garment = _blanked(about, _NOT_OF_IT)
    strapped = any(_STRAPPED.fullmatch(item(*each)) for each in ((title, ""), ("", description)))
    cut = _blanked(garment, _STRAPS) if strapped else garment
    found = {name: _first(name, cut) for name in ("sleeve", "neck", "length")}
    found["fit"] = _fit(title, garment)
    found["pattern"] = _pattern(title, garment)
    found["occasion"] = _first("occasion", title) if title else NOTHING
    if not found["occasion"].value:
        found["occasion"] = _first("occasion", garment)
    found["fabric"] = _fabric(garment)
    found["care"] = _first("care", _blanked(description, _NOT_CARE))
    return {name: found[name] for name in NAMES}


def of_words(said: Mapping[str, str]) -> dict[str, Mention]:
    """The same, of the words that a model gave for ``style``, ``material`` and ``care``."""
    found = read("", f"{said['style']}, {said['material']}")
    return {**found, "care": read("", said["care"])["care"]}


def brand(found: str, spelling: Mapping[str, str]) -> str:
    """A brand as the catalogue spells it, if it does (:func:`attributes.rules.spellings`)."""
    return spelling.get(name_key(found), found)


def singular(found: str) -> str:
    """The name of a garment in lower case and, but for pairs, in the singular."""
    name = " ".join(found.lower().replace("-", " ").split())
    stem, last = name.rpartition(" ")[::2]
    if last not in words.PAIRS:
        last = words.PLURALS.get(last, last if last.endswith("ss") else last.removesuffix("s"))
    return f"{stem} {last}".strip()


def composition(text: str) -> list[Fibre]:
    """The fibres of a text with their percentages, in its order, each once."""
    found: dict[str, float] = {}
    for hit in _COMPOSITION.finditer(text):
        named = hit["first"] or hit["second"]
        name = next(name for name, ways in _FIBRES.items() if ways.fullmatch(named))
        found.setdefault(name, float(hit["before"] or hit["after"]))
    return [Fibre(name, percent) for name, percent in found.items()]


def _first(name: str, text: str) -> Mention:
    return _first_of(_VALUES[name], text)


def _first_of(values: dict[str, re.Pattern], text: str) -> Mention:
    """The first mention of a value; of several at one place the longest."""
    hits = [
        (hit.start(), -len(hit[0]), value, hit[0])
        for value, ways in values.items()
        if (hit := ways.search(text))
    ]
    if not hits:
        return NOTHING
    start, _, value, found = min(hits)
    return Mention(value, found, start)


def _fit(title: str, garment: str) -> Mention:
    for found in (
        _first("fit", garment),
        _first_of(_FIT_IN_TITLE, title),
        _first_of(_FIT_OF_LEGS, garment),
    ):
        if found.value:
            return found
    return NOTHING


def _pattern(title: str, garment: str) -> Mention:
    # A title names the pattern of the whole; a description goes on to the logo on the sleeve.
    named = _first("pattern", title)
    return named if named.value else _first("pattern", garment)


def _fabric(garment: str) -> Mention:
    """The stuff: the only fibre of a composition, else that a blend; else the first stuff named."""
    hit = _COMPOSITION.search(garment)
    named = _first("fabric", garment)
    if hit and not (named.value and named.start < hit.start() - words.FAR):
        fibres = composition(garment[hit.start() : hit.start() + words.COMPOSITION_SPAN])
        main = max(fibres, key=lambda fibre: fibre.percent)
        stuff = words.FABRIC_OF.get(main.name, main.name)
        if main.percent < words.PURE:
            return Mention("blended", hit[0], hit.start())
        if stuff in words.NORMAL["fabric"]:
            return Mention(stuff, hit[0], hit.start())
    return named


def _spare_own(hit: re.Match) -> str:
    """Blanks what the garment is worn with, not what names the garment before it."""
    own = hit["own"] or ""
    return own + " " * (len(hit[0]) - len(own))


def _blanked(text: str, pattern: re.Pattern) -> str:
    """The text with spaces for what matches, so that places stay."""
    return pattern.sub(lambda hit: " " * len(hit[0]), text)
