"""Normalisation: what a listing says of a garment, as values of a closed vocabulary.

``100% Pure COTTON jersey`` is cotton, ``half sleeves`` are short sleeves. Here is what the synonyms
of :mod:`attributes.vocabulary` cannot say: which of several mentions counts, and which do not
describe the garment (*do not iron on print*, *mesh lining*, *team it with a striped shirt*).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, StringConstraints, create_model

from attributes import vocabulary
from attributes.rules import item, name_key, whole_words
from attributes.vocabulary import FIBRES, NORMAL_VALUES

MOST_FIBRES = 6  # of a composition; cloth has two or three
NAME_CHARACTERS = 60
PURE = 90  # percent of one fibre from which on the fabric has its name
COMPOSITION_SPAN, FAR = 90, 60  # characters

_Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NAME_CHARACTERS)]
_FIBRE = rf"({'|'.join(FIBRES)}) \d{{1,3}}(\.\d+)?"
_FIBRE_LIST = rf"^({_FIBRE}(, {_FIBRE}){{0,{MOST_FIBRES - 1}}})?$"

# The schema of a listing's normal values, empty where the text says nothing; ValueError for what
# is not of it. brand: as the catalogue spells it. fibres: with percent, "cotton 60, polyester 40".
# item: the garment, in the singular. The others are of the vocabulary.
NormalizedAttributes = create_model(
    "NormalizedAttributes",
    __config__=ConfigDict(extra="forbid", frozen=True),
    brand=(_Name, ""),
    fibres=(Annotated[str, StringConstraints(pattern=_FIBRE_LIST)], ""),
    **{name: (Literal[("", *values)], "") for name, values in NORMAL_VALUES.items()},
    item=(_Name, ""),
)
COLUMNS = {name: f"normal_{name}" for name in NormalizedAttributes.model_fields}


class Mention(NamedTuple):
    """value: of the vocabulary. words: of the text. start: where they stand."""

    value: str
    words: str
    start: int


NOTHING = Mention("", "", -1)


def _patterns(values: Mapping[str, str]) -> dict[str, re.Pattern]:
    return {value: whole_words(synonyms) for value, synonyms in values.items()}


_VALUES = {name: _patterns(values) for name, values in NORMAL_VALUES.items()}
_FIT_IN_TITLE, _FIT_OF_LEGS = _patterns(vocabulary.FIT_IN_TITLE), _patterns(vocabulary.FIT_OF_LEGS)
_FIBRES, _ANY_FIBRE = _patterns(FIBRES), "|".join(FIBRES.values())
_PERCENT = r"(?P<{}>\d{{1,3}}(?:\.\d+)?) ?(?:%|percent|per cent)"
_COMPOSITION = whole_words(
    rf"{_PERCENT.format('before')},? ?(?:of )?(?:\w{{1,20}} ){{0,4}}?(?P<first>{_ANY_FIBRE})",
    rf"(?P<second>{_ANY_FIBRE}) ?[:(]? ?{_PERCENT.format('after')}",
)
_STRAPS = whole_words(vocabulary.PARTS["straps"])
_STRAPPED, _NOT_CARE, _NOT_OF_IT = (
    whole_words(vocabulary.CONTEXT[name]) for name in ("strapped", "not care", "not of it")
)
_TOGETHER_WITH = re.compile(vocabulary.CONTEXT["together with"], re.IGNORECASE)


def normalize_text(
    title: str, description: str, words: Mapping[str, str], spelling: Mapping[str, str]
) -> NormalizedAttributes:
    """What the text says. words: of :func:`attributes.rules.read`; spelling: of brands, of
    :func:`attributes.rules.spellings`."""
    mentions = find_mentions(title, description, words["brand"])
    return _normalized(mentions, words, f"{title}. {description}", spelling)


def normalize_words(words: Mapping[str, str], spelling: Mapping[str, str]) -> NormalizedAttributes:
    """What the words say that a model gave for the attributes of its schema."""
    named = {**words, "item": item(words["item"], "") or words["item"]}
    return _normalized(mentions_of_words(words), named, words["material"], spelling)


def _normalized(mentions, words, text, spelling) -> NormalizedAttributes:
    fibres = [
        f"{name} {percent:g}" for name, percent in composition(text).items() if 0 < percent <= 100
    ]
    names = {"brand": spell_brand(words["brand"], spelling), "item": singular(words["item"])}
    return NormalizedAttributes(
        fibres=", ".join(fibres[:MOST_FIBRES]),
        # What is longer is no name; the words as found keep it.
        **{name: text if len(text) <= NAME_CHARACTERS else "" for name, text in names.items()},
        **{name: mention.value for name, mention in mentions.items()},
    )


def find_mentions(title: str, description: str, brand: str = "") -> dict[str, Mention]:
    """The mention that counts for each attribute of the vocabulary; ``NOTHING`` where none does.

    brand: as the text writes it; the *Polo* of U.S. Polo Assn. is no collar.
    """
    if brand:
        name = re.compile(re.escape(brand))
        title, description = _blank(title, name), _blank(description, name)
    garment = _blank(_TOGETHER_WITH.sub(_blank_others, f"{title}. {description}"), _NOT_OF_IT)
    items = item(title, ""), item("", description)
    strapped = any(map(_STRAPPED.fullmatch, items))
    cut = _blank(garment, _STRAPS) if strapped else garment
    mentions = {name: _first(_VALUES[name], garment) for name in ("fit", "pattern", "occasion")}
    mentions |= {name: _first(_VALUES[name], cut) for name in ("sleeve", "neck", "length")}
    # A title names the pattern of the whole; a description goes on to the logo on the sleeve.
    titled = {name: _first(_VALUES[name], title) for name in ("pattern", "occasion")}
    mentions |= {name: mention for name, mention in titled.items() if mention.value}
    if not mentions["fit"].value:
        in_title = _first(_FIT_IN_TITLE, title)
        mentions["fit"] = in_title if in_title.value else _first(_FIT_OF_LEGS, garment)
    mentions["fabric"] = _fabric(garment)
    mentions["care"] = _first(_VALUES["care"], _blank(description, _NOT_CARE))
    return mentions


def mentions_of_words(words: Mapping[str, str]) -> dict[str, Mention]:
    """The same, of the words that a model gave for ``style``, ``material`` and ``care``."""
    mentions = find_mentions("", f"{words['style']}, {words['material']}")
    return mentions | {"care": find_mentions("", words["care"])["care"]}


def spell_brand(name: str, spelling: Mapping[str, str]) -> str:
    """A brand as the catalogue spells it, if it does (:func:`attributes.rules.spellings`)."""
    return spelling.get(name_key(name), name)


def singular(garment: str) -> str:
    """The name of a garment in lower case and, but for pairs, in the singular."""
    name = " ".join(garment.lower().replace("-", " ").split())
    stem, _, last = name.rpartition(" ")
    if last not in vocabulary.PAIRS:
        regular = last if last.endswith("ss") else last.removesuffix("s")
        last = vocabulary.PLURALS.get(last, regular)
    return f"{stem} {last}".strip()


def composition(text: str) -> dict[str, float]:
    """Percent by fibre, in the order of the text."""
    percents = {}
    for hit in _COMPOSITION.finditer(text):
        words = hit["first"] or hit["second"]
        name = next(name for name, pattern in _FIBRES.items() if pattern.fullmatch(words))
        percents.setdefault(name, float(hit["before"] or hit["after"]))
    return percents


def _first(values: Mapping[str, re.Pattern], text: str) -> Mention:
    """The first mention of a value; of several at one place the longest."""
    hits = [
        (hit.start(), -len(hit[0]), value, hit[0])
        for value, pattern in values.items()
        if (hit := pattern.search(text))
    ]
    start, _, value, words = min(hits, default=(-1, 0, "", ""))
    return Mention(value, words, start)


def _fabric(garment: str) -> Mention:
    """The only fibre of a composition, or that it is a blend; else the first fabric named."""
    hit = _COMPOSITION.search(garment)
    named = _first(_VALUES["fabric"], garment)
    if hit and not (named.value and named.start < hit.start() - FAR):
        fibres = composition(garment[hit.start() : hit.start() + COMPOSITION_SPAN])
        main = max(fibres, key=fibres.get)
        fabric = vocabulary.FABRIC_OF.get(main, main)
        if fibres[main] < PURE:
            return Mention("blended", hit[0], hit.start())
        if fabric in NORMAL_VALUES["fabric"]:
            return Mention(fabric, hit[0], hit.start())
    return named


def _blank_others(hit: re.Match) -> str:
    """Spaces for what the garment is worn with, not for what names the garment before it."""
    return (hit["garment"] or "").ljust(len(hit[0]))


def _blank(text: str, pattern: re.Pattern) -> str:
    """The text with spaces for what matches, so that places stay."""
    return pattern.sub(lambda hit: " " * len(hit[0]), text)
