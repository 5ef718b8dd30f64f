"""Prices a CSV of listings: in order, resumable, unreadable rows set aside with their reason.

Each row of the input becomes a whole line of one of two files, ``--out`` or
``<out>.set_aside.csv``. ``row_hash`` says which: it stands for the cells of a row and its photo, so
that an interrupted run goes on after its list was edited, and no row is given another's price.
"""

import csv
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from common.artifacts import StageError, atomic
from common.embed.images import BrokenImageError
from common.runtime import Progress
from pricing import stated, uploads
from pricing.predictor import BATCH, ListingInput, PriceEstimate
from pricing.strings import reason
from resale.listings import read_rows

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
    "row id price_usd low_usd high_usd why refusal doubts ood_score category category_confidence "
    "gender gender_confidence usage usage_confidence brand material item comparables "
    "sold_usd condition currency price low high row_hash".split()
)
PRICES = ("price_usd", "low_usd", "high_usd", "sold_usd", "price", "low", "high")
SET_ASIDE_COLUMNS = ["row", "id", "reason", "row_hash"]


def price_csv(load: Callable, source: Path, target: Path) -> None:
    """Prices the listings of ``source`` into ``target``.

    load: returns the predictor; called if there are any. Raises StageError for a broken CSV, and
    where ``target`` holds the prices of another list.
    """
    aside = target.with_name(target.name + ".set_aside.csv")
    rows = _read_rows(source)
    files = {target: COLUMNS, aside: SET_ASIDE_COLUMNS}
    done = {line["row_hash"] for file in files.items() for line in _lines(*file)}
    if done and not done & rows.keys():
        raise StageError(f"{target} holds the prices of another list; choose another --out")
    numbers = {row_hash: number for number, row_hash in enumerate(rows, 1)}
    for file in files.items():
        _tidy(*file, numbers)
    waiting = [(row_hash, row) for row_hash, row in rows.items() if row_hash not in done]
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
        Progress(
            what="pricing", total=len(rows), unit="listings", done=len(rows) - len(waiting)
        ) as progress,
    ):
        for start in range(0, len(waiting), size):
            readable, reasons = [], []
            for row_hash, row in waiting[start : start + size]:
                key = {"row": numbers[row_hash], "row_hash": row_hash}
                key["id"] = row.get("id") or row.get("listing_id", "")
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
    for file in files.items():
        _tidy(*file, numbers)
    print(f"{len(waiting) - unreadable} listings priced in {target}")
    if unreadable:
        print(f"{unreadable} rows set aside, with their reasons in {aside}")
    elif not _lines(aside, SET_ASIDE_COLUMNS):
        aside.unlink()


class _RowError(ValueError):
    """A row that is no listing."""


def _read_rows(source: Path) -> dict[str, dict[str, str]]:
    """The cells of each row that are not empty, by its hash; "" holds what is wrong with a row."""
    lines = read_rows(source)
    header, rows, alike = next(lines, []), {}, Counter()
    if not header:
        raise StageError(f"{source} is empty; give a CSV with a header and a row a listing")
    if not {"image", *TEXTS} & {*header}:
        names = ", ".join(header)
        raise StageError(f"{source}: none of its columns {names} is image, text or title")
    for cells in lines:
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        row = {name: cell for name, cell in row.items() if name and cell}
        if len(cells) < len(header) or any(cells[len(header) :]):
            row[""] = f"{len(cells)} cells, but the header has {len(header)}"
        content = [*sorted(row.items()), _state(source.parent / row.get("image", ""))]
        row_hash = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
        alike[row_hash] += 1
        rows[f"{row_hash}-{alike[row_hash]}" if alike[row_hash] > 1 else row_hash] = row
    if not rows:
        raise StageError(f"{source} has a header and no rows")
    return rows


def _state(photo: Path) -> list[int]:
    """What changes with the file of a photo; nothing where there is none."""
    try:
        status = photo.stat()
    except (OSError, ValueError):
        return []
    return [] if photo.is_dir() else [status.st_size, status.st_mtime_ns]


def _listing(row: dict[str, str], folder: Path, platforms: Sequence[str]) -> ListingInput:
    """Raises BrokenImageError, StatedError, _RowError with the reason why a row is not priced."""
    if "" in row:
        raise _RowError(row[""])
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
    retail_price = stated.new_price(row.get("retail_price", ""), row.get("currency"))
    values.setdefault("new_price", retail_price)
    for task in ("category", "gender", "usage"):
        values |= {task: row[column]} if (column := f"normalized_{task}") in row else {}
    return fields | stated.fields(values, platforms)


def _cells(estimate: PriceEstimate) -> dict[str, object]:
    prices = {name: getattr(estimate, name) for name in PRICES}
    cells = {name: "" if usd is None else f"{usd:.2f}" for name, usd in prices.items()}
    cells |= {"condition": estimate.condition, "currency": estimate.currency}
    cells |= {"refusal": estimate.refusal or "", "doubts": " ".join(estimate.doubts)}
    codes = [estimate.refusal] if estimate.refusal else []
    cells["why"] = " ".join(reason("en", code) for code in [*codes, *estimate.doubts])
    cells["ood_score"] = f"{estimate.ood_score:.3f}"
    for task, label in estimate.labels.items():
        cells |= {task: label.value, f"{task}_confidence": f"{label.confidence:.3f}"}
    cells |= {name: estimate.attributes.get(name, "") for name in ("brand", "material", "item")}
    cells["comparables"] = " ".join(product.product_key for product in estimate.comparables)
    return cells


def _lines(path: Path, columns: list[str]) -> list[dict[str, str]]:
    """The lines that a former run wrote; cuts off a last one torn by a kill."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    lines = csv.DictReader(whole.decode("utf-8", "replace").splitlines(keepends=True))
    if whole and lines.fieldnames != columns:
        raise StageError(f"{path} is not a file of this command's; choose another --out")
    return list(lines)


def _tidy(path: Path, columns: list[str], numbers: Mapping[str, int]) -> None:
    """The lines of the rows that are in the list, under their numbers and in their order."""
    lines = _lines(path, columns)
    rows = [{**line, "row": numbers.get(line["row_hash"])} for line in lines]
    rows = sorted((row for row in rows if row["row"]), key=lambda row: row["row"])
    if [str(row["row"]) for row in rows] != [line["row"] for line in lines]:
        with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


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
    formula = cell.startswith(("=", "+", "-", "@")) and not re.fullmatch(r"-?\d+(\.\d+)?", cell)
    return f"'{cell}" if formula else cell
