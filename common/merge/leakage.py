"""Leakage audit: does a text give its own price away, do the sides of the split share products?

A text leaks by an amount of money in any wording ("Rs. 1,899", "30만원", "50% OFF"), or by the
row's own price as a number, in each currency and format that it has been through (USD, EUR, rupees,
H&M's scaled value). :func:`without_prices` removes both; :func:`audit` proves on every run that
none is left. The study's text fails it: it holds the target of 83 % of the Fashion products.
"""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from common.artifacts import StageError
from common.merge.currency import EUR_TO_USD, HNM_TO_EUR, INR_TO_USD, RATES

_DIGIT = re.compile(r"\d")
_AMOUNT = r"\d+(?:[.,]\d+)*"
_SPACED = rf"(?:\d{{1,3}}(?:[ \u00a0\u202f]\d{{3}})+(?!\d)(?:,\d+)?|{_AMOUNT})"  # 1 299,00
_CODE = (
    r"(?:rs\.?|inr|usd|us\$|eur|euros?|gbp|mrp|rupees?|dollars?|cad|aud|chf|krw|jpy|czk|kč|kc|pln"
    r"|zł|zl|sek|nok|dkk|kr)"
)
_SIGN = r"[$€£₹₩¥]"
MONEY = re.compile(
    rf"""
    (?<!\w)(?:list(?:ed)?\s+|selling\s+|discounted\s+)?(?:price|m\.?r\.?p\.?)\b\s*
        (?:(?:is|of|at|just|only|[:=\-])\s*)*(?:{_CODE}|{_SIGN})?\s*{_AMOUNT}
        (?:\s*(?:{_CODE}|{_SIGN}))?(?:/-)?
    | (?:(?<!\w){_CODE}|{_SIGN})\s*:?\s*{_SPACED}(?:\s*/-|\s?k\b)?  # Rs. 1,899   $20   Rs 999/-
    | (?<![\w.,]){_SPACED}\s*(?:{_CODE}(?!\w)|/-)  # 20 USD   1 899 Kč   999/-
    | (?<![A-Za-z\d.,]){_SPACED}\s*{_SIGN}         # 20€
    | (?<![\w.,])(?:\d+(?:\.\d\d)?:-|\d+[.,]-)   # 19.99:- (H&M)   20,-    12,000원   1万2000円
    | (?<![A-Za-z\d.,]){_AMOUNT}\s*(?:[백천]?만\s*(?:\d+\s*천?\s*)?원|[천백]\s*원
        |만(?=\s|$|[^\w]|에|정도|대|이상|부터|으로|넘|짜리)|원(?=\s|$|[^\w]|에|입|짜|대|이|정|부)
        |万?\s?(?:\d+\s*)?円|万(?!\w))
    | (?<!\w)(?:up\s?to\s+|flat\s+)?{_AMOUNT}\s*(?:%|percent)\s*(?:off|discount)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# A number that may be a price: "100%", "150 ml" and "100 denier" are not.
_NUMBER = re.compile(
    rf"(?<![\w.,]){_AMOUNT}(?!\w|\s*%|\s*(?:percent|ml|cm|mm|gm?|kg|den(?:ier)?)\b)", re.IGNORECASE
)


def amounts(usd: float, inr: Iterable[float] = ()) -> set[str]:
    """The numbers that give the price ``usd`` or a rupee price ``inr`` away, see :func:`_plain`.

    They count to the cent, and as whole numbers from 100 up: below, "9" or "20" says nothing.
    """
    eur = usd / EUR_TO_USD
    numbers = {f"{usd:.2f}", f"{eur:.2f}", f"{usd:.4f}"}
    numbers |= {f"{eur / HNM_TO_EUR:.{digits}f}" for digits in (4, 5, 6, 16)}
    for value in (usd, eur, usd / INR_TO_USD, *inr):
        numbers |= {f"{value:.2f}", f"{value:.0f}"} if value >= 100 else set()
    return {_plain(number) for number in numbers}


def own_amounts(price: float) -> set[str]:
    """The same of a listing's price in its own currency."""
    return {_plain(f"{price:.2f}")}


def _plain(number: str) -> str:
    """``1,899.00`` -> ``1899``, ``19,90`` -> ``19.9``."""
    if re.fullmatch(r"\d+,\d\d", number):  # decimal comma
        number = number.replace(",", ".")
    number = number.replace(",", "")
    return number.rstrip("0").rstrip(".") if "." in number else number


def _matches(text: str, prices: set[str]) -> list[re.Match]:
    """The numbers of ``text`` that are among ``prices``. 20 could be anything; 20.00 is a price."""
    return [m for m in _NUMBER.finditer(text) if len(m[0]) > 2 and _plain(m[0]) in prices]


def without_prices(text: str, prices: set[str]) -> str:
    """``text`` without amounts of money and without the numbers in ``prices``."""
    if not _DIGIT.search(text):
        return text
    cleaned = MONEY.sub(" ", text)
    for match in reversed(_matches(cleaned, prices)):
        cleaned = f"{cleaned[: match.start()]} {cleaned[match.end() :]}"
    return text if cleaned == text else " ".join(cleaned.split())


def leaky_rows(table: pd.DataFrame) -> pd.Series:
    """Per row what title and description give away: ``own price``, ``amount of money`` or ""."""
    texts, verdicts = table["title"] + " " + table["description"], []
    rates = table["currency"].map(RATES) if "currency" in table else table["price_usd"] * np.nan
    for text, usd, rate in zip(texts, table["price_usd"], rates, strict=True):
        if not _DIGIT.search(text):
            verdicts.append("")
            continue
        own = amounts(usd) if rate != rate else own_amounts(usd / rate)
        money = "amount of money" if MONEY.search(text) else ""
        verdicts.append("own price" if _matches(text, own) else money)
    return pd.Series(verdicts, index=table.index)


def audit(table: pd.DataFrame, text: str = "clean", split: str = "grouped") -> dict[str, int]:
    """Counts what leaks; clean text and the grouped split must leak nothing.

    Returns ``rows``, ``own price``, ``amount of money`` (rows), ``products``, ``groups`` and
    ``texts`` on more than one side. The study's text and random split are only counted.
    """
    leaky, report = leaky_rows(table), {"rows": len(table)}
    report |= {name: int((leaky == name).sum()) for name in ("own price", "amount of money")}
    texts = (table["title"] + ". " + table["description"]).str.lower()
    keys = {"products": table["product_key"], "groups": table["group"], "texts": texts}
    for name, key in keys.items():
        sides = pd.DataFrame({"key": key, "side": table["split"]}).drop_duplicates()
        report[name] = int((sides["key"].value_counts() > 1).sum())
    if text == "clean" and (leaky != "").any():
        leaky = leaky.set_axis(table["product_key"])[leaky.to_numpy() != ""]
        raise StageError(
            f"{len(leaky)} texts give a price away, such as that of {leaky.index[0]} "
            f"({leaky.iloc[0]}); run Use_LLM_for_preprocess.py --force"
        )
    if split == "grouped" and (report["products"] or report["groups"]):
        raise StageError(
            f"{report['products']} products and {report['groups']} groups lie on more than one "
            "side of the split; run Use_LLM_for_preprocess.py --force"
        )
    return report
