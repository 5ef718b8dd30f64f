"""What the text of a listing says, read in one way for the predictors of both markets.

Brand, item, condition, size, gender, colour, material and money; and what is left of the text for
a model of new goods: English words, without money, condition, size and what is said of the sale.
The words are in ``reading.toml``.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from attributes import rules, vocabulary
from common.merge.taxonomy import CATEGORIES
from resale import condition, money, reading, taxonomy
from resale.brands import brand_key, brand_span, known_brands, other_listings, plain_text
from resale.phrases import Phrases, plain_words

TEXT_ATTRIBUTES = ("brand", "material", "care", "style", "item", "other")
TITLE_CHARACTERS = 150  # of a text without lines that is a title as a whole
FOREIGN = 0.1  # share of foreign words from which on a text is foreign
STRANGERS = 3  # unknown words of a title; more are no name
_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
LUXURY = {brand_key(name): name.strip() for name in _TABLE["luxury"]["brands"].split(";")}


def _items(*orders: str) -> Phrases:
    kinds = [(item, order) for item in _TABLE["item"] for order in orders if order in item]
    return Phrases([{"label": (item, order), "words": item[order]} for item, order in kinds])


def _any(words: Iterable[str]) -> Phrases:
    return Phrases([{"label": "", "words": words}])


_ENGLISH, _FOREIGN, _ABROAD = _items("words"), _items("first", "other"), _any(_TABLE["foreign"])
_MATERIALS = Phrases(_TABLE["material"])
_SALE, _CHATTER = (_any(_TABLE["sale"][name]) for name in ("phrases", "clauses"))
_EDGE = rf"(?:{'|'.join(_TABLE['sale']['dangling'].split())})(?![\w'])"
_EDGES = re.compile(rf"^(?:\W*{_EDGE})+|(?:\W+{_EDGE})+\W*$|^\W+|\W+$", re.IGNORECASE)
_WITH = re.compile(rf"(?<!\w)(?:{'|'.join(_TABLE['sale']['with'].split())})(?!\w)|[+&]", re.I)
_CLOTH = rules.whole_words(vocabulary.WORDS["fibre"], vocabulary.WORDS["fabric"])
_PURE = re.compile(r"\b(?:100|9\d)\s?(?:%|percent)\s(?:pure |real )?(\w+)", re.IGNORECASE)
_CLAUSE = re.compile(r"(?:[^\s,;:!?()\[\]{}|/•·~*.]|\.(?=\w)|[^\S\n])+")
_TWICE = re.compile(r"\b(\w+)(?: \1\b)+")
_COMPOUND = re.compile(rf"(\w{{3,}})((?:{'|'.join(_TABLE['compounds'].split())})\b)", re.IGNORECASE)
_DASH = re.compile(r"\s[-–—]+\s")
_ASIAN = re.compile(r"[\u0400-\u04ff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
_SYMBOLS = re.compile(r"[^\w\s.,:%'&/-]|(?<!\w)[%'&/-]+(?!\w)")
WORD = re.compile(r"[^\W\d_]{3,}")
Span = tuple[int, int, object]  # start and end in a text, and what stands there


@dataclass(frozen=True)
class Reading:
    """title, description: without amounts of money. text: what describes the goods, for a model of
    new ones. values: what is stated, by name (``TEXT_ATTRIBUTES``, colour, size, condition,
    new_price). category, gender: "" where the text names none. new_price: in ``currency``, NaN
    where none is stated. doubts: codes of :data:`pricing.predictor.DOUBTS`.
    """

    title: str
    description: str
    text: str
    values: dict[str, str]
    category: str
    gender: str
    new_price: float
    currency: str
    doubts: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, str]:
        """The first sentence of ``text``, and the rest of it."""
        return _sentences(self.text)


class TextReader:
    """Reads the texts of listings.

    spelling: brands in any spelling -> in the model's. words: those of the training texts.
    """

    def __init__(self, spelling: Mapping[str, str], words: Iterable[str]):
        self.spelling, self.words = dict(spelling), frozenset(words)
        self._own = {brand_key(name): brand for name, brand in spelling.items()} | self.spelling
        self._known = known_brands((), ()) | LUXURY | self._own

    def spell(self, brand: str) -> str:
        """A brand as the training data spell it; unchanged where they have none such."""
        return self._own.get(rules.name_key(brand)) or self._own.get(brand_key(brand), brand)

    def knows(self, brand: str) -> bool:
        return rules.name_key(brand) in self._own or brand_key(brand) in self._own

    def unknown_words(self, text: str) -> float:
        """The share of the words that no training text has; 1 for a text without words."""
        words = [word.casefold() for word in WORD.findall(text)]
        return sum(word not in self.words for word in words) / len(words) if words else 1.0

    def read(self, text: str, currency: str = "") -> Reading:
        """currency: a code, of amounts without one; by default that of the first amount."""
        currency = currency or money.first_currency(text)
        prices, parts = [], []
        for part in split_title(_DASH.sub(", ", plain_text(text))):
            lines = [money.read(line, currency) for line in part.split("\n")]
            prices += [price for price, _ in lines if price == price]
            parts.append("\n".join(line for _, line in lines if line))
        goods = _Goods("\n".join(filter(None, parts)), self._known, self.words)
        brand = goods.brand if self.knows(goods.brand) else ""
        english = goods.english(brand, self.words)
        values = rules.read(*_sentences(english), rules.gazetteer({brand}))
        if goods.item:
            values["item"] = goods.item * bool(goods.category)
        values |= {"brand": goods.brand, "size": goods.size, "colour": goods.colour}
        values["condition"] = condition.from_text(goods.plain)
        values["new_price"] = f"{max(prices):g} {currency}" if prices else ""
        doubts = {
            "unknown_brand": not (goods.brand or parts[1]) and goods.names_a_stranger(self.words),
            "foreign_language": goods.foreign,
            "lot": reading.is_lot(goods.plain),
            "not_worn": bool(goods.item) and not goods.category,
        }
        return Reading(
            *parts,
            english,
            values,
            goods.category if goods.category in CATEGORIES else "",
            goods.gender,
            max(prices, default=float("nan")),
            currency,
            tuple(code for code, applies in doubts.items() if applies),
        )


def split_title(text: str) -> tuple[str, str]:
    """Title and description: the first line, or all of a short text, or its first sentence."""
    if "\n" not in text and len(text) <= TITLE_CHARACTERS:
        return text, ""
    title, _, description = text.partition("\n" if "\n" in text else ". ")
    return title, description


def _sentences(text: str) -> tuple[str, str]:
    title, _, description = text.partition(". ")
    return title, description


class _Goods:
    """What a plain text says of the goods. item: in English; category: "" for what is not worn."""

    def __init__(self, plain: str, known: Mapping[str, str], words: frozenset[str]):
        self.plain = plain = _COMPOUND.sub(_parts, plain)
        self._brand = brand_span(plain, known)
        self.brand, start, end = self._brand
        # Of "Nike Air Max" the rest says what the piece is.
        if name := re.match(re.escape(self.brand), plain[start:end], re.IGNORECASE):
            self._brand = self._brand._replace(end=start + name.end())
        self.size, *size = reading.size_span(plain)
        brand = [(self._brand.start, self._brand.end, self.brand)] if self.brand else []
        others = [(start, end, "") for start, end in other_listings(plain)]
        taken = brand + others
        english, foreign, abroad, self._colours, self._materials = (
            _outside(phrases, taken)
            for phrases in (
                _spans(_ENGLISH, plain),
                _spans(_FOREIGN, plain),
                _spans(_ABROAD, plain),
                taxonomy.colour_spans(plain),
                _spans(_MATERIALS, plain),
            )
        )
        strangers = _outside(foreign, english)
        same = {(start, end, pair[0]["label"]) for start, end, pair in english}
        other = [span for span in foreign if (*span[:2], span[2][0]["label"]) not in same]
        unknown = [s for s in strangers if plain[s[0] : s[1]].casefold() not in words]
        nameless = plain[: self._brand.start] + plain[self._brand.end :]
        self.foreign = bool(
            _ASIAN.search(nameless)
            or (abroad and len(abroad + other) >= max(2, FOREIGN * len(plain.split())))
            or (unknown and not english)
        )
        first, second = (foreign, english) if self.foreign else (english, strangers)
        second = [] if english and not self.foreign else second
        self._items = sorted(first + _outside(second, first), key=lambda span: span[:2])
        self._clauses = [hit.span() for hit in _CLAUSE.finditer(plain)]
        self.item = self.category = ""
        if head := self._head():
            start, end, (item, order) = head
            written = plain[start:end] if order == "words" else ""
            self.item = rules.item(written, "").lower() or item["label"]
            self.category = item["category"]
        genders = taxonomy.genders(plain_words(plain))
        self.gender = genders[0] if len(genders) == 1 and genders != ["kids"] else ""
        self.colour = self._colours[0][2] if self._colours else ""
        cloth = [(*hit.span(), "") for hit in _CLOTH.finditer(plain)]
        self._content = brand + self._items + self._colours + self._materials
        self._content += _outside(cloth, self._content)
        sale = [(start, end, "") for start, end in condition.spans(plain)]
        sale += _spans(_SALE, plain) + [(*size, "")] * bool(self.size)
        sale += [(*hit.span(), "") for hit in reading.LOTS.finditer(plain)]
        self._sale = others + sorted(_outside(sale, self._content), key=lambda s: s[0] - s[1])

    def _head(self) -> Span | None:
        """The first clause that names an item: its first in Romance and Slavic languages, else
        its last; what stands after "with" does not count."""
        for start, end in self._clauses:
            items = [span for span in self._items if start <= span[0] < end]
            if items:
                cut = _WITH.search(self.plain, items[0][1], end)
                items = [span for span in items if not cut or span[0] < cut.start()]
                return items[0 if items[-1][2][1] == "first" else -1]
        return None

    def english(self, brand: str, words: frozenset[str]) -> str:
        """The text without what says nothing of the goods, in lower case; foreign words in English
        or, where they are not among ``words``, left out. brand: what to call it."""
        edits = [(*self._brand[1:], brand)] if self.brand else []
        edits += [(*span[:2], self._translated(span)) for span in self._content[len(edits) :]]
        for start, end in self._clauses:
            inside = [span for span in self._content if start <= span[0] < end]
            if not inside and _CHATTER.places(plain_words(self.plain[start:end])):
                edits.append((start, end, ""))
        for hit in _PURE.finditer(self.plain):  # said twice: wool, and 100 % wool
            if len(re.findall(rf"\b{hit[1]}\b", self.plain, re.IGNORECASE)) > 1:
                edits = [e for e in edits if not hit.start() <= e[0] < hit.end()]
                edits.append((*hit.span(), ""))
        for span in self._sale:
            edits += _outside([span], edits)
        pieces, at = [], 0
        for start, end, words_instead in sorted(edits):
            pieces += [self._rest(self.plain[at:start], words), words_instead]
            at = end
        text = " ".join([*pieces, self._rest(self.plain[at:], words)]).lower()
        text = _SYMBOLS.sub(" ", text.replace("\n", ". "))
        clauses = [_EDGES.sub("", clause) for clause in re.split(r"[.:](?=\s|$)", text)]
        parts = [
            ", ".join(filter(None, (_EDGES.sub("", part) for part in clause.split(", "))))
            for clause in clauses
        ]
        text = " ".join(". ".join(filter(None, parts)).split())
        text = _TWICE.sub(r"\1", text) if self.foreign else text
        return f"{text}, {self.gender.lower()}" if self.foreign and self.gender else text

    def _translated(self, span: Span) -> str:
        label = span[2][0]["label"] if isinstance(span[2], tuple) else span[2]
        return label if self.foreign and label else self.plain[span[0] : span[1]]

    def _rest(self, text: str, words: frozenset[str]) -> str:
        """Other words; of a foreign text those that are English, too."""
        if not self.foreign:
            return text
        kept = [w for w in re.findall(r"\w+|[.,]\s", text) if w.casefold() in words or w[0] in ".,"]
        return " ".join(w for w in kept if not _ABROAD.places(plain_words(w)))

    def names_a_stranger(self, words: frozenset[str]) -> bool:
        """Whether the title has a name that is none of ``words``: its first, or with a capital."""
        for start, end in self._clauses:
            known = self._content + self._sale
            spans = [(*hit.span(), hit[0]) for hit in WORD.finditer(self.plain, start, end)]
            unknown = [span for span in _outside(spans, known) if span[2].casefold() not in words]
            unknown = [span for span in unknown if not _ABROAD.places(plain_words(span[2]))]
            if spans:
                named = [s for s in unknown if s is spans[0] or s[2][0].isupper()]
                return bool(named) and len(unknown) <= (1 if self.foreign else STRANGERS)
        return False


def _spans(phrases: Phrases, text: str) -> list[Span]:
    return [(start, end, phrases.labels[place]) for start, end, place in phrases.spans(text)]


def _parts(hit: re.Match) -> str:
    """A compound whose end names an item, in two words; one that the table has stays."""
    return hit[0] if _FOREIGN.places(plain_words(hit[0])) else f"{hit[1]} {hit[2]}"


def _outside(spans: list[Span], taken: list[Span]) -> list[Span]:
    """Those that share no letter with one of ``taken``."""
    return [s for s in spans if all(s[1] <= t[0] or t[1] <= s[0] for t in taken)]
