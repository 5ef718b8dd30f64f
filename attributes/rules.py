"""What regular expressions read out of a listing: brand, material, care, style, item, details.

The vocabulary is closed (:mod:`attributes.vocabulary`); what it does not know stays empty, for the
LLM to fill (:mod:`attributes.reader`). Every value is made of pieces of the text, joined by ", ".
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import pandas as pd

from attributes import vocabulary

Gazetteer = re.Pattern

# What a title begins with before it says for whom: the brand.
_HEAD = (
    r"\A(?-i:[A-Z0-9])[^\s,;:]*(?:\s[^\s,;:]+){0,3}?"
    r"(?=\s(?:men|women|woman|man|unisex|boys?|girls?|kids?|infants?)(?:['’]?s)?\s)"
)
_LETTERS = re.compile(r"[^\W_]+")
ALIAS_TIMES, ALIAS_SHARE = 2, 0.9

# How many pieces a value holds at most; a list of twenty details helps no reader and no model.
_MOST = {"material": 4, "care": 8, "other": 6}


def whole_words(*alternatives: str) -> re.Pattern:
    """Compiles lists in the notation of :mod:`attributes.vocabulary`; whole words, any case."""
    listed = "|".join("".join(each.strip("\n").splitlines()) for each in alternatives)
    return re.compile(rf"\b(?:{listed.replace(' ', '[ -]')})(?!\w)", re.IGNORECASE)


_STUFF = f"({vocabulary.FIBRE.strip()}|{vocabulary.FABRIC.strip()})"
_GRADED_STUFF = f"(({vocabulary.GRADE.strip()}) )*{_STUFF}"
_PERCENT = r"\d{1,3}(\.\d+)?\s*(%|percent|per cent)"
_COMPOSITION = whole_words(
    rf"{_PERCENT}\s*(of )?{_GRADED_STUFF}( (leather|fibre|blend))?",
    rf"{_STUFF}\s*[:(]?\s*{_PERCENT}\)?",
)
_MATERIAL = whole_words(f"{_GRADED_STUFF}( {_STUFF})*( (blend|weave|mix|lining|upper|fabric))?")
_STYLES = {kind: whole_words(words) for kind, words in vocabulary.STYLE.items()}
_CARE, _ITEM = whole_words(vocabulary.CARE), whole_words(vocabulary.ITEM)
_DETAIL = whole_words(vocabulary.DETAIL)


# --- reading -----------------------------------------------------------------------------------


def gazetteers(table: pd.DataFrame) -> dict[str, Gazetteer]:
    """Per source, the pattern of the brands that its training rows name.

    A source with one house brand (H&M) has a gazetteer of that one name.
    """
    return {
        source: gazetteer(rows["brand"][rows["split"] == "train"])
        for source, rows in table.groupby("dataset_source", sort=True)
    }


def gazetteer(brands: Iterable[str]) -> Gazetteer:
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
    where that mostly means one brand. The keys are :func:`name_key`.
    """
    known, heads = {}, defaultdict(Counter)
    for title, brand in zip(titles, brands, strict=True):
        known[name_key(brand)] = brand
        if head := re.match(_HEAD, title, re.IGNORECASE):
            heads[name_key(head[0])][brand] += 1
    for head, counts in heads.items():
        (brand, times), *_ = counts.most_common(1)
        if times >= ALIAS_TIMES and times >= ALIAS_SHARE * counts.total():
            known.setdefault(head, brand)
    return known


def spellings_by_source(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """The same per source, learnt from its training rows."""
    return {
        source: spellings(
            *(rows.loc[rows["split"] == "train", name] for name in ("title", "brand"))
        )
        for source, rows in table.groupby("dataset_source", sort=True)
    }


def name_key(name: str) -> str:
    """Letters and digits alone, in lower case: *Levi's*, *Red Tape* and *Redtape* compare so."""
    return "".join(_LETTERS.findall(name.casefold()))


def read(title: str, description: str, brands: Gazetteer) -> dict[str, str]:
    """What the rules find, by attribute; empty where they find nothing.

    Keys: brand, material, care, style, item, other.
    """
    brand = _brand(title, description, brands)
    if brand:
        # "Arrow Sport" says nothing of the occasion, nor "Pepe Jeans" of the garment.
        title = title.replace(brand, "; ")
    text = f"{title}. {description}"
    return {
        "brand": brand,
        "material": _pieces(_COMPOSITION, text, "material") or _pieces(_MATERIAL, text, "material"),
        "care": _pieces(_CARE, description, "care"),
        "style": ", ".join(
            found[0] for pattern in _STYLES.values() if (found := pattern.search(text))
        ),
        "item": item(title, description),
        "other": _pieces(_DETAIL, description, "other"),
    }


def _brand(title: str, description: str, brands: Gazetteer) -> str:
    # A listing's title opens with its brand; elsewhere "Arrow" or "Basics" may be plain words, so
    # there only the spelling with a capital counts.
    found = brands.match(title)
    if not found:
        found = next(
            (hit for hit in brands.finditer(f"{title}. {description}") if hit[0][0].isupper()), None
        )
    return found[0] if found else ""


def item(title: str, description: str) -> str:
    """What the garment is called; "" where neither text names one."""
    # English puts the head of a noun phrase last: "Check Navy Blue Shirt".
    named = [found[0] for found in _ITEM.finditer(title)]
    if named:
        return named[-1]
    found = _ITEM.search(description)
    return found[0] if found else ""


def _pieces(pattern: re.Pattern, text: str, attribute: str) -> str:
    """The distinct matches in the order of the text, without those inside a longer one."""
    found = {
        " ".join(hit[0].split()).casefold(): " ".join(hit[0].split())
        for hit in pattern.finditer(text)
    }
    kept = [
        value
        for key, value in found.items()
        if not any(key != other and key in other for other in found)
    ]
    return ", ".join(kept[: _MOST[attribute]])
