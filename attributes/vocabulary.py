"""The vocabulary of fashion: words to find in a listing, normal values and their synonyms.

Regular expressions by section and name, read from vocabulary.ini, which explains their notation;
:func:`attributes.rules.whole_words` compiles them.
"""

from configparser import ConfigParser, ExtendedInterpolation
from pathlib import Path


def _read(path: Path) -> dict[str, dict[str, str]]:
    parser = ConfigParser(
        delimiters=":", allow_no_value=True, interpolation=ExtendedInterpolation()
    )
    parser.read_string(path.read_text("utf-8"))
    return {
        name: {
            value: (synonyms or value).replace("\n", "")
            for values, synonyms in parser[name].items()
            for value in values.split(", ")
        }
        for name in parser.sections()
    }


NORMAL_VALUES = _read(Path(__file__).with_suffix(".ini"))  # attribute -> value -> its synonyms
PARTS, CONTEXT = NORMAL_VALUES.pop("parts"), NORMAL_VALUES.pop("context")
WORDS, STYLE_WORDS = NORMAL_VALUES.pop("words"), NORMAL_VALUES.pop("style")
FIT_IN_TITLE, FIT_OF_LEGS = NORMAL_VALUES.pop("fit in a title"), NORMAL_VALUES.pop("fit of legs")
FIBRES, FABRIC_OF = NORMAL_VALUES.pop("fibres"), NORMAL_VALUES.pop("fabric of fibre")
PAIRS, PLURALS = frozenset(CONTEXT.pop("pairs").split("|")), NORMAL_VALUES.pop("plurals")
