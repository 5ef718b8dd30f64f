"""Prices a CSV of listings: in order, resumable, unreadable rows set aside with their reason.

Each row of the input becomes a whole line of one of two files, ``--out`` or
``<out>.set_aside.csv``, so that the two tell how far an interrupted run came.
"""

import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from common.artifacts import StageError
from common.embed.images import BrokenImageError
from common.runtime import Progress
from pricing import stated, uploads
from pricing.predictor import BATCH, ListingInput, PriceEstimate

TEXTS = ("title", "description", "text")
# Columns of the product table that a row may state as they are, and those of raw/listings.
FIELDS = "brand product_type colour normalized_gender normalized_category normalized_usage".split()
RAW = {
    "category_raw": "product_type",
    "gender_raw": "section",
    "size_raw": "size",
    "colour_raw": "colour",
    "material_raw": "material",
    "source": "platform",
    "date": "date",
}
COLUMNS = (
    "row id price_usd low_usd high_usd refusal doubts ood_score category category_confidence "
    "gender gender_confidence usage usage_confidence brand material item comparables "
    "sold_usd condition currency price low high".split()
)
PRICES = ("price_usd", "low_usd", "high_usd", "sold_usd", "price", "low", "high")
SET_ASIDE_COLUMNS = ["row", "id", "reason"]


def price_csv(load: Callable, source: Path, target: Path) -> None:
    """Prices the listings of ``source`` into ``target``.

    load: returns the predictor; called if there are any. Raises StageError for a broken CSV.
    """
    aside = target.with_name(target.name + ".set_aside.csv")
    rows = _read_rows(source)
    done = _rows_done(target, COLUMNS) | _rows_done(aside, SET_ASIDE_COLUMNS)
    waiting = [(number, row) for number, row in enumerate(rows, 1) if number not in done]
    if done:
        print(f"{len(rows) - len(waiting)} of {len(rows)} rows were done before", flush=True)
    if not waiting:
        print(f"nothing left to price in {source}; the prices are in {target}")
        return
    predictor, unreadable = load(), 0
    size = getattr(predictor, "batch", BATCH)
    with (
        _Appender(target, COLUMNS) as priced,
        _Appender(aside, SET_ASIDE_COLUMNS) as set_aside,
        Progress(what="pricing", total=len(rows), unit="listings", done=len(done)) as progress,
    ):
        for start in range(0, len(waiting), size):
            readable, reasons = [], []
            for number, row in waiting[start : start + size]:
                key = {"row": number, "id": row.get("id") or row.get("listing_id", "")}
                try:
                    listing = _listing(row, source.parent, predictor.platforms)
                    readable.append((key, listing))
                except (BrokenImageError, _RowError, stated.StatedError) as error:
                    reasons.append(key | {"reason": error})
            estimates = predictor.predict([listing for _, listing in readable])
            cells = (_cells(estimate) for estimate in estimates)
            priced.add(key | line for (key, _), line in zip(readable, cells, strict=True))
            set_aside.add(reasons)
            unreadable += len(reasons)
            progress.update(len(readable) + len(reasons))
    print(f"{len(waiting) - unreadable} listings priced in {target}")
    if unreadable:
        print(f"{unreadable} rows set aside, with their reasons in {aside}")
    elif not done:
        aside.unlink()


class _RowError(ValueError):
    """A row that is no listing."""


def _read_rows(source: Path) -> list[dict[str, str]]:
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StageError(f"--csv {source} cannot be read: {reason}") from error
    if not {"image", *TEXTS} & set(reader.fieldnames or ()):
        raise StageError(f"--csv {source} has none of the columns image, text and title")
    return rows


def _listing(row: dict[str, str], folder: Path, platforms: Sequence[str]) -> ListingInput:
    """Raises BrokenImageError, StatedError, _RowError with the reason why a row is not priced."""
    if None in row or None in row.values():
        raise _RowError("not as many cells as the header")
    row = {name: value.strip() for name, value in row.items() if value.strip()}
    text = "\n".join(part for name in TEXTS if (part := uploads.text(row.get(name))))
    if "image" not in row and not text:
        raise _RowError("neither image nor text")
    image = uploads.picture(folder / row["image"]) if "image" in row else None
    return ListingInput(text, image, _fields(row, platforms))


def _fields(row: Mapping[str, str], platforms: Sequence[str]) -> dict[str, str]:
    """What a row states. A marketplace's own words that map to nothing of ours are unknown."""
    fields = {column: row[name] for name, column in RAW.items() if name in row}
    fields |= stated.marketplace_fields(
        row.get("category_raw", ""), row.get("gender_raw", ""), row.get("condition_raw", "")
    )
    fields |= {name: row[name] for name in FIELDS if name in row}
    values = {name: row[name] for name in stated.FIELDS if name in row}
    values.setdefault("new_price", stated.amount(row.get("retail_price", "")))
    for task in ("category", "gender", "usage"):
        values |= {task: row[column]} if (column := f"normalized_{task}") in row else {}
    return fields | stated.fields(values, platforms)


def _cells(estimate: PriceEstimate) -> dict[str, object]:
    prices = {name: getattr(estimate, name) for name in PRICES}
    cells = {name: "" if usd is None else f"{usd:.2f}" for name, usd in prices.items()}
    cells |= {"condition": estimate.condition, "currency": estimate.currency}
    cells |= {"refusal": estimate.refusal or "", "doubts": " ".join(estimate.doubts)}
    cells["ood_score"] = f"{estimate.ood_score:.3f}"
    for task, label in estimate.labels.items():
        cells |= {task: label.value, f"{task}_confidence": f"{label.confidence:.3f}"}
    cells |= {name: estimate.attributes.get(name, "") for name in ("brand", "material", "item")}
    cells["comparables"] = " ".join(product.product_key for product in estimate.comparables)
    return cells


def _rows_done(path: Path, columns: list[str]) -> set[int]:
    """The numbers of the rows that a former run wrote; cuts off a last line torn by a kill."""
    if not path.exists():
        return set()
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    lines = csv.DictReader(whole.decode("utf-8").splitlines(keepends=True))
    if whole and lines.fieldnames != columns:
        raise StageError(f"{path} is not a file of this command's; choose another --out")
    return {int(line["row"]) for line in lines if (line["row"] or "").isdecimal()}


class _Appender:
    """A CSV to which whole lines are added, on disk when :meth:`add` returns."""

    def __init__(self, path: Path, columns: list[str]):
        self._path, self._columns = path, columns

    def __enter__(self) -> "_Appender":
        try:
            self._file = self._path.open("a", newline="", encoding="utf-8")
        except OSError as error:
            raise StageError(f"--out: cannot write {self._path}: {error.strerror}") from error
        self._writer = csv.DictWriter(self._file, self._columns, restval="", lineterminator="\n")
        if self._file.tell() == 0:
            self._writer.writeheader()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        try:
            for row in rows:
                self._writer.writerow({name: _harmless(str(cell)) for name, cell in row.items()})
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StageError(
                f"cannot write {self._path}: {error.strerror}; make room and run the same "
                "command again"
            ) from error


def _harmless(cell: str) -> str:
    """The cell on one line, and quoted where a spreadsheet would take it for a formula."""
    cell = " ".join(cell.split())
    formula = cell.startswith(("=", "+", "@")) or (cell[:1] == "-" and not cell[1:2].isdigit())
    return f"'{cell}" if formula else cell
