"""Brands: one key for all spellings of a brand, and the brand that a text says a piece is of.

``brands.csv`` has the brands' Hangul and Katakana spellings and common misspellings,
``brands.toml`` the words around a name that decide whether the listing is of that brand.
"""

import csv
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

UNBRANDED = "unbranded"
LONGEST = 6  # words of a name
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile(r"(?<=\w)['’‘`´ʼ](?=\w)")
_BRACKETED = re.compile(r"\((\w)\)(?=\w)")
_CLAUSE_END = re.compile(r"[,;:!?()\[\]\n|•·/]|\.\s")
_SENTENCE_END = re.compile(r"[;!?\n]|\.\s")
_RUN = re.compile(r"[가-힣]+|[ァ-ヿ]+|[ぁ-ゟ]+|[一-鿿]+|[^\W_가-힣ァ-ヿぁ-ゟ一-鿿]+")
# A Hangul or Katakana name may have a particle or the item written against it, 나이키신발.
_UNSPACED = re.compile(r"[가-힣ァ-ヿ]")


def _fold(text: str) -> str:
    """NFKC, lower case, Latin letters without accents; Hangul and Kana stay whole."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    text = re.sub("[\u0300-\u036f]", "", text)
    return unicodedata.normalize("NFC", text).translate(_LETTERS)


@lru_cache(maxsize=500_000)
def _bare(name: str) -> str:
    return "".join(_WORD.findall(_fold(name)))


_PLACE = Path(__file__)
with _PLACE.with_suffix(".csv").open(newline="", encoding="utf-8") as _file:
    _ROWS = [(row["brand"], row["aliases"].split(";")) for row in csv.DictReader(_file)]
# Bare spelling -> key, and key -> the name as it is written.
_ALIASES = {_bare(name): _bare(brand) for brand, names in _ROWS for name in (*names, brand)}
_NAMES = {_bare(brand): brand for brand, _ in _ROWS}
_RULES = tomllib.loads(_PLACE.with_suffix(".toml").read_text("utf-8"))


def _words(section: str, name: str) -> frozenset[str]:
    return frozenset(map(_bare, _RULES[section][name].split()))


_FUNCTION, _NOUNS = _words("ordinary", "function"), _words("ordinary", "nouns")
_GENERIC, _OPENINGS = _words("ordinary", "generic"), _words("ordinary", "openings")
_CONTINUES, _PARTS = _words("ordinary", "continues"), _words("ordinary", "parts")
_CAPITALS = _words("ordinary", "capitals")
_BEFORE, _FILLERS = _words("before", "words"), _words("before", "fillers")
_AFTER, _CODE = _words("after", "words"), _words("after", "unless_before")
_MARKS, _SOFT_MARKS = _words("marks", "words"), _words("marks", "soft")
_OTHERS = re.compile("|".join(re.escape(_fold(phrase)) for phrase in _RULES["others"]["phrases"]))


@lru_cache(maxsize=100_000)
def brand_key(name: str) -> str:
    """One key for all spellings of a brand: ``Hermès``, ``HERMES`` and ``에르메스`` -> ``hermes``.

    A name that is not in the table is folded: NFKC, lower case, without accents, spaces and
    punctuation. "" for an empty name, ``unbranded`` for words that say that there is no brand.
    """
    bare = _bare(_APOSTROPHE.sub("", name))
    return _ALIASES.get(bare, bare)


def brand_name(key: str) -> str:
    """The usual spelling of a key, or the key itself."""
    return _NAMES.get(key, key)


def known_brands(stated: Iterable[str], texts: Iterable[str], least: int = 2) -> dict[str, str]:
    """Brands that may be looked for in texts, key -> spelling, from listings that state theirs.

    ``stated`` and ``texts`` are the listings' brands and titles. A name of fewer than ``least``
    listings, or one that mostly stands in titles of other brands (``vintage``), is left out; a
    brand of the table stays.
    """
    keys, spellings, texts = [], {}, list(texts)
    for name in stated:
        keys.append(brand_key(name))
        spellings.setdefault(keys[-1], Counter())[name] += 1
    stated_by, said, right = Counter(keys), Counter(), Counter()
    for key, text in zip(keys, texts, strict=True):
        if key and key != UNBRANDED:
            for word in set(words(text)):
                said[word] += 1
                right[word] += word == key
    known = {key: _NAMES[key] for key in _NAMES if key != UNBRANDED}
    for key, count in stated_by.items():
        precise = right[key] >= 0.5 * said[key]
        if key not in _NAMES and len(key) > 2 and count >= least and precise:
            known[key] = spellings[key].most_common(1)[0][0]
    return known


class _Token(NamedTuple):
    text: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    """Words of a plain text, split where the script changes."""
    return [_Token(run.group(), *run.span()) for run in _RUN.finditer(text)]


def words(text: str) -> list[str]:
    """The words of a text, folded as keys are, split where the script changes; brands by key."""
    plain = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text))
    return [_ALIASES.get(bare, bare) for bare in map(_bare, _RUN.findall(plain))]


class BrandSpan(NamedTuple):
    """A brand that a text names, and where in :func:`plain_text` of it."""

    name: str
    start: int
    end: int


def plain_text(text: str) -> str:
    """NFKC, without the marks that are written inside of names: ``levi's`` -> ``levis``."""
    return _BRACKETED.sub(r"\1", _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text)))


def find_brand(text: str, known: Mapping[str, str]) -> str:
    """The brand that a text says the piece is of, in the spelling of ``known``; "" if none."""
    return brand_span(text, known).name


def brand_span(text: str, known: Mapping[str, str]) -> BrandSpan:
    """The brand that a text says the piece is of, in the spelling of ``known``; "" if none.

    ``known`` maps keys of :func:`brand_key`, or spellings without spaces that are to be told apart
    from their key's, to names. The longest name of the first line wins, which is the title;
    without one there, that of the whole text.
    Names that are negated, compared with ("like Nike"), or of the seller's other listings do not
    count; names that are ordinary words too count only where the context says brand.
    """
    plain = plain_text(text)
    title, _, more = plain.partition("\n")
    found = _find(title, known)
    return found if found.name or not more else _find(plain, known)


def other_listings(plain: str) -> list[tuple[int, int]]:
    """Places of the sentences' parts that speak of the seller's other listings."""
    spans = []
    for hit in _OTHERS.finditer(_fold(plain)):
        end = _SENTENCE_END.search(plain, hit.end())
        spans.append((hit.start(), end.start() if end else len(plain)))
    return spans


def _find(plain: str, known: Mapping[str, str]) -> BrandSpan:
    tokens = _tokens(plain)
    folded = [_bare(token.text) for token in tokens]
    best, best_length = BrandSpan("", 0, 0), 0
    for first in range(len(tokens)):
        for last in range(first, min(first + LONGEST, len(tokens))):
            gap = plain[tokens[last - 1].end : tokens[last].start] if last > first else ""
            if _CLAUSE_END.search(gap) and not (gap == ". " and len(folded[last - 1]) <= 2):
                break
            bare, end = "".join(folded[first : last + 1]), tokens[last].end
            key = bare if bare in known else _ALIASES.get(bare, bare)
            if key not in known and first == last:
                key, bare = _attached(folded[first], known)
                end = tokens[first].start + len(bare)
            if key not in known or key == UNBRANDED or len(bare) <= best_length:
                continue
            if len(bare) <= 3 and not _is_short_name(plain[tokens[first].start : tokens[last].end]):
                continue
            if _is_meant(plain, tokens, folded, first, last, bare):
                best = BrandSpan(known[key], tokens[first].start, end)
                best_length = len(bare)
    return best


def _attached(word: str, known: Mapping[str, str]) -> tuple[str, str]:
    """The key and spelling of a Hangul or Katakana name at the start of a longer word."""
    if _UNSPACED.match(word):
        for end in range(len(word) - 1, 1, -1):
            bare = word[:end]
            key = _ALIASES.get(bare, bare)
            if key in known and bare not in _NOUNS and (end > 2 or len(word) > 3):
                return key, bare
    return "", ""


def _is_short_name(written: str) -> bool:
    """Names of up to three letters are one word, or joined by & or dots; of two, in capitals."""
    if _UNSPACED.match(written):
        return True
    joined = not re.search(r"[\s-]", written.replace(" & ", "&"))
    return joined and (len(_bare(written)) > 2 or written.isupper() or "&" in written)


def _is_meant(plain, tokens, folded, first, last, bare) -> bool:
    """Whether the name of those words is the listing's brand, by what stands around it."""
    before, after = plain[: tokens[first].start], plain[tokens[last].end :]
    sentence = _SENTENCE_END.split(before)[-1]
    if _OTHERS.search(_fold(sentence)):
        return False
    following = folded[last + 1] if last + 1 < len(tokens) else ""
    if following in _AFTER and not _CLAUSE_END.match(after.lstrip(" ")):
        then = folded[last + 2] if last + 2 < len(tokens) else ""
        if then not in _CODE and not then.isdigit():
            return False
    place, end = first - 1, tokens[first].start
    while place >= 0 and not _CLAUSE_END.search(plain[tokens[place].end : end]):
        if folded[place] in _BEFORE:
            return False
        if folded[place] not in _FILLERS:
            break
        end, place = tokens[place].start, place - 1
    if first and folded[first - 1] in _MARKS:
        return True
    if bare in _GENERIC:
        return False
    if first and folded[first - 1] in _SOFT_MARKS:
        return True
    at_start = following not in _CONTINUES and all(word in _OPENINGS for word in folded[:first])
    capital = tokens[first].text[0].isupper() or bool(_UNSPACED.match(bare))
    if len(bare) == 1:
        return capital and at_start and following.isalpha()
    if bare in _FUNCTION:
        return capital and at_start
    if bare in _CAPITALS:
        written = plain[tokens[first].start : tokens[last].end]
        return written.isupper() and not plain.isupper() and (at_start or not following)
    if bare in _NOUNS and following in _PARTS:
        return False
    if bare in _NOUNS:
        opens = not sentence.strip() or bool(re.search(r"\.\s*$", before))
        at_end = not following and first and folded[first - 1] not in _FILLERS | _CONTINUES
        written = capital and not opens and not (plain.isupper() and bare.isascii())
        return bool(at_start or at_end or written)
    return True
