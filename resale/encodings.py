"""Mean prices of brands, categories and the like on each platform, and plain numbers of a listing.

Target encoding: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes
in classification and prediction problems", SIGKDD Explorations 2001.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from resale.fields import WORD, fields_stated

SMOOTHING = 8.0  # rows at the platform's median that every mean is taken with
KINDS = ("asked", "sold")


def encoding_keys(fields: pd.DataFrame) -> dict[str, np.ndarray]:
    """By name of the encoding: uint64 (n,), a hash of the values that a mean is taken over."""
    platform, brand = fields["platform"], fields["brand"]
    first_words = fields["title"].map(lambda title: " ".join(WORD.findall(title)[:2]))
    parts = {
        "brand": (brand,),
        "platform, brand": (platform, brand),
        "platform, category, gender": (platform, fields["category"], fields["gender"]),
        "brand, category": (brand, fields["category_end"]),
        "platform, brand, category": (platform, brand, fields["category_end"]),
        "platform, size": (platform, fields["size"]),
        "marketplace, brand": (platform.str.split("_").str[0], brand),
        "platform, first words": (platform, first_words),
        "platform, category, size": (platform, fields["category_end"], fields["size"]),
        "platform, month, kind": (platform, fields["month"], fields["kind"]),
        "platform, colour, material": (platform, fields["colour"], fields["material"]),
        "brand, our category": (brand, fields["our_category"]),
        "platform, our category, our gender": (
            platform,
            fields["our_category"],
            fields["our_gender"],
        ),
    }
    return {
        name: pd.util.hash_array(columns[0].str.cat(columns[1:], sep="|").to_numpy(object))
        for name, columns in parts.items()
    }


@dataclass
class TargetEncodings:
    """By name: ascending keys (uint64), sums of the target and counts of rows."""

    tables: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]

    @classmethod
    def fit(cls, keys: dict[str, np.ndarray], target: np.ndarray) -> "TargetEncodings":
        """keys: of :func:`encoding_keys`; target: (n,) standardised by platform."""
        tables = {}
        for name, values in keys.items():
            known, place, count = np.unique(values, return_inverse=True, return_counts=True)
            total = np.bincount(place, target, minlength=len(known))
            tables[name] = known, total.astype(np.float32), count.astype(np.float32)
        return cls(tables)

    def transform(self, keys: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Two columns for each encoding: the smooth mean, and the log of the count."""
        columns = {}
        for name, (known, total, count) in self.tables.items():
            place = np.minimum(np.searchsorted(known, keys[name]), len(known) - 1)
            match = known[place] == keys[name]
            rows = np.where(match, count[place], 0)
            columns[f"mean of {name}"] = np.where(match, total[place], 0) / (rows + SMOOTHING)
            columns[f"rows of {name}"] = np.log1p(rows)
        return columns


def plain_columns(fields: pd.DataFrame) -> dict[str, np.ndarray]:
    """What else the trees read, NaN where unknown."""
    title, grade, text_grade = fields["title"], fields["grade"], fields["text_grade"]
    size = fields["size"].str.extract(r"(\d+(?:[.,]\d)?)")[0].str.replace(",", ".")
    return {
        "condition": grade.where(grade >= 0),
        "condition in the text": text_grade.where(text_grade >= 0),
        "letters of the title": fields["letters"],
        "words of the title": title.str.count(" "),
        "digits of the title": fields["digits"],
        "letters of the description": fields["description"].str.len(),
        "fields stated": fields_stated(fields),
        "kind of price": fields["kind"].map({kind: place for place, kind in enumerate(KINDS)}),
        "day": fields["day"],
        "size as a number": size.astype(float),
    }
