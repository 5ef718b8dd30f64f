"""Attribute extraction by regular expressions: brand, material, care, style, item, details.

The vocabulary is closed (:mod:`attributes.vocabulary`); what it does not know stays empty, for the
LLM to fill (:mod:`attributes.reader`). Every value consists of pieces of the text, joined by ", ".
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import pandas as pd

from attributes.vocabulary import STYLE_WORDS, WORDS

# What a title begins with before it names the wearer: the brand.
_HEAD = (
    r"\A(?-i:[A-Z0-9])[^\s,;:]*(?:\s[^\s,;:]+){0,3}?"
    r"(?=\s(?:men|women|woman|man|unisex|boys?|girls?|kids?|infants?)(?:['’]?s)?\s)"
)
_LETTERS = re.compile(r"[^\W_]+")
ALIAS_TIMES, ALIAS_SHARE = 2, 0.9  # from here on a title's beginning is an alias of a brand
_MOST_PIECES = {"material": 4, "care": 8, "other": 6}  # of a value


def whole_words(*alternatives: str) -> re.Pattern:
    """Compiles lists in the notation of :mod:`attributes.vocabulary`; whole words, any case."""
    joined = "|".join("".join(words.strip("\n").splitlines()) for words in alternatives)
    return re.compile(rf"\b(?:{joined.replace(' ', '[ -]')})(?!\w)", re.IGNORECASE)


_FABRIC = f"({WORDS['fibre']}|{WORDS['fabric']})"
_GRADED_FABRIC = f"(({WORDS['grade']}) )*{_FABRIC}"
_PERCENT = r"\d{1,3}(\.\d+)?\s*(%|percent|per cent)"
_COMPOSITION = whole_words(
    rf"{_PERCENT}\s*(of )?{_GRADED_FABRIC}( (leather|fibre|blend))?",
    rf"{_FABRIC}\s*[:(]?\s*{_PERCENT}\)?",
)
_MATERIAL = whole_words(f"{_GRADED_FABRIC}( {_FABRIC})*( (blend|weave|mix|lining|upper|fabric))?")
_STYLES = [whole_words(words) for words in STYLE_WORDS.values()]
_CARE, _ITEM, _DETAIL = (whole_words(WORDS[name]) for name in ("care", "item", "detail"))


# --- brands ------------------------------------------------------------------------------------


def gazetteers(table: pd.DataFrame) -> dict[str, re.Pattern]:
    """Per source, the pattern of the brands that its training rows name.

    A source with one house brand (H&M) has a gazetteer of that one name.
    """
    return {source: gazetteer(rows["brand"]) for source, rows in _training_rows(table)}


def gazetteer(brands: Iterable[str]) -> re.Pattern:
    """A pattern of these names, the longest first, whatever their case and spacing.

    Of several brands there may be more: what stands before *Men* or *Girls* at the beginning of a
    title is then taken for one, too.
    """
    names = sorted({brand.strip() for brand in brands} - {""}, key=lambda name: (-len(name), name))
    ways = (r"\s+".join(re.escape(word) for word in name.split()) for name in names)
    listed = rf"(?<!\w)(?:{'|'.join(ways) or '(?!)'})(?!\w)"
    return re.compile(f"{listed}|{_HEAD}" if len(names) > 1 else listed, re.IGNORECASE)


def spellings(titles: Iterable[str], brands: Iterable[str]) -> dict[str, str]:
    """How the catalogue spells what titles call a brand: ``ucb`` -> *United Colors of Benetton*.

    Learnt from listings whose brand is known: its own name, and what their titles begin with
    where that mostly means one brand. The keys are of :func:`name_key`.
    """
    spelling, heads = {}, defaultdict(Counter)
    for title, brand in zip(titles, brands, strict=True):
        spelling[name_key(brand)] = brand
        if head := re.match(_HEAD, title, re.IGNORECASE):
            heads[name_key(head[0])][brand] += 1
    for head, counts in heads.items():
        (brand, times), *_ = counts.most_common(1)
        if times >= ALIAS_TIMES and times >= ALIAS_SHARE * counts.total():
            spelling.setdefault(head, brand)
    return spelling


def spellings_by_source(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """The same per source, learnt from its training rows."""
    return {
        source: spellings(rows["title"], rows["brand"]) for source, rows in _training_rows(table)
    }


def _training_rows(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    groups = table.groupby("dataset_source", sort=True)
    return [(source, rows[rows["split"] == "train"]) for source, rows in groups]


def name_key(name: str) -> str:
    """Letters and digits in lower case: *Levi's*, *Red Tape* and *Redtape* compare so."""
    return "".join(_LETTERS.findall(name.casefold()))


def _brand(title: str, description: str, brands: re.Pattern) -> str:
    # A listing's title opens with its brand; elsewhere "Arrow" or "Basics" may be plain words, so
    # there only the spelling with a capital counts.
    hit = brands.match(title)
    if not hit:
        hits = brands.finditer(f"{title}. {description}")
        hit = next((hit for hit in hits if hit[0][0].isupper()), None)
    return hit[0] if hit else ""


# --- the other attributes ----------------------------------------------------------------------


def read(title: str, description: str, brands: re.Pattern) -> dict[str, str]:
    """The words of the text for each attribute; empty where there are none.

    Keys: brand, material, care, style, item, other.
    """
    brand = _brand(title, description, brands)
    if brand:
        # "Arrow Sport" says nothing of the occasion, nor "Pepe Jeans" of the garment.
        title = title.replace(brand, "; ")
    text = f"{title}. {description}"
    styles = (pattern.search(text) for pattern in _STYLES)
    return {
        "brand": brand,
        "material": _pieces(_COMPOSITION, text, "material") or _pieces(_MATERIAL, text, "material"),
        "care": _pieces(_CARE, description, "care"),
        "style": ", ".join(hit[0] for hit in styles if hit),
        "item": item(title, description),
        "other": _pieces(_DETAIL, description, "other"),
    }


def item(title: str, description: str) -> str:
    """What the garment is called; "" where neither text names one."""
    # English puts the head of a noun phrase last: "Check Navy Blue Shirt".
    if names := [hit[0] for hit in _ITEM.finditer(title)]:
        return names[-1]
    hit = _ITEM.search(description)
    return hit[0] if hit else ""


def _pieces(pattern: re.Pattern, text: str, attribute: str) -> str:
    """The distinct matches in the order of the text, without those inside a longer one."""
    matches = (" ".join(hit[0].split()) for hit in pattern.finditer(text))
    pieces = {piece.casefold(): piece for piece in matches}
    longest = [
        piece
        for key, piece in pieces.items()
        if not any(key != other and key in other for other in pieces)
    ]
    return ", ".join(longest[: _MOST_PIECES[attribute]])
