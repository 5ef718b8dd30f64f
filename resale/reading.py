"""What a seller's text says of size and of the number of pieces; the words are in a TOML file."""

import re
import tomllib
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_SIZE = _TABLE["size"]
_MARK, _SYSTEM = "|".join(_SIZE["marks"]), "|".join(_SIZE["systems"])
_LETTERS = r"(?:\d|x{0,4})xs|(?:\d|x{1,4})l|[sml]"
_LETTER = rf"(?:{_LETTERS})(?:\s?[/-]\s?(?:{_LETTERS}))?"
_WORDS = "|".join(sorted(map(re.escape, _SIZE["words"]), key=len, reverse=True))
_NUMBER = r"\d{1,3}(?:[.,]\d|\s?1/2|\s?½)?(?:\s?[/-]\s?\d{2,3})?"
_END = r"(?![\w'’&%°]|[.,]\d|\s?(?:cm|mm|kg|g|€|\$|£|x\s?\d))"
_START = r"(?<![\w'’&.,-])(?<!& )"
_FLAGS = re.IGNORECASE
_WAIST = re.compile(rf"{_START}w\s?(\d\d)\s?[/x,-]?\s?l\s?(\d\d){_END}", _FLAGS)
_INCHES = re.compile(
    rf"{_START}(2[4-9]|3\d|4[0-4])\s?[x×]\s?(2[6-9]|3[0-8])(?!\s?(?:cm|mm|[x×]|\w))"
)
_MARKED = re.compile(
    rf"(?<![^\W\d_])(?:{_MARK})\s?[.:=]?\s?(?:({_SYSTEM})\s?)?({_LETTER}|{_WORDS}|{_NUMBER})"
    rf"(?:\s?({_SYSTEM}))?{_END}",
    _FLAGS,
)
_KOREAN = re.compile(rf"{_START}({_LETTER}|\d{{2,3}})\s?(?:사이즈|싸이즈|サイズ)", _FLAGS)
_OF_SYSTEM = re.compile(rf"{_START}({_SYSTEM})\.?\s?({_NUMBER}){_END}", _FLAGS)
# After a number and a space, de, it and us are mostly words.
_IN_SYSTEM = re.compile(
    rf"{_START}({_NUMBER})(?:((?i:{_SYSTEM}))|\s({_SYSTEM.upper()}|eur?|uk))(?!\w)"
)
_ONE_SIZE = re.compile("|".join(_SIZE["one_size"]), _FLAGS)
_FRENCH = re.compile(rf"{_START}[Tt]\.?\s?(\d\d|{_LETTER.upper()}){_END}")
_LONE = re.compile(
    rf"{_START}((?:\d|X{{1,4}})(?:[Ll]|[Ss])|X{{0,4}}[SML](?:/X{{0,4}}[SML])?|x{{1,4}}[sl])"
    rf"(?![\w'’&+%°-]|[.,]\w|\s?[&+]\s)"
)
LOTS = re.compile(
    "|".join(
        (r"(?<![a-zà-ž0-9.,])" if phrase[0].isascii() else "")
        + phrase.replace("#", "(?:[2-9]|[1-9][0-9])(?![0-9])")
        + ("" if phrase[-1] in ")" or not phrase[-1].isascii() else r"(?!\w)")
        for phrase in _TABLE["lot"]["phrases"]
    ),
    _FLAGS,
)


def size(text: str) -> str:
    """The size that a text states, in one spelling (``M``, ``EU 38``, ``W32 L34``); "" if none."""
    return size_span(text)[0]


def size_span(text: str) -> tuple[str, int, int]:
    """The same, and the places in the text between which it is stated."""
    if match := _WAIST.search(text) or _INCHES.search(text):
        return f"W{match[1]} L{match[2]}", *match.span()
    if match := _MARKED.search(text):
        return _spell(match[2], match[1] or match[3]), *match.span()
    if match := _KOREAN.search(text):
        return _spell(match[1]), *match.span()
    if match := _ONE_SIZE.search(text):
        return "one size", *match.span()
    if match := _OF_SYSTEM.search(text):
        return _spell(match[2], match[1]), *match.span()
    if match := _IN_SYSTEM.search(text):
        return _spell(match[1], match[2] or match[3]), *match.span()
    if match := _FRENCH.search(text) or _LONE.search(text):
        return _spell(match[1]), *match.span()
    return "", 0, 0


def _spell(value: str, system: str | None = None) -> str:
    value = _SIZE["words"].get(value.lower(), value).upper().replace(",", ".")
    value = re.sub(r"\s?(?:1/2|½)", ".5", value).replace(" ", "")
    return f"{system.upper().removesuffix('R')} {value}" if system else value


def is_lot(text: str) -> bool:
    """Whether a text offers several pieces for one price."""
    return bool(LOTS.search(text))
