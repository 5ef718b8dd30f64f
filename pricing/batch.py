"""Prices a CSV of listings: in order, resumable, bad rows set aside with their reason.

What is written is appended in whole lines, each row of the input to one of two files: ``--out``, or
``<out>.set_aside.csv``. So the two say how far a run came; a line torn by a kill is cut off first.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from common.artifacts import StageError
from pricing.predictor import AT_ONCE, Answer, Appraiser, Listing

KNOWN = (
    "brand",
    "product_type",
    "colour",
    "normalized_gender",
    "normalized_category",
    "normalized_usage",
)
COLUMNS = (
    "row",
    "id",
    "price_usd",
    "low_usd",
    "high_usd",
    "refusal",
    "doubts",
    "doubt",
    "category",
    "category_confidence",
    "gender",
    "gender_confidence",
    "usage",
    "usage_confidence",
    "brand",
    "material",
    "item",
    "comparables",
)
ASIDE = ("row", "id", "reason")


def price(args, source: Path, target: Path) -> None:
    """Prices the listings of ``source`` into ``target``. Raises StageError for a broken CSV."""
    aside = target.with_name(target.name + ".set_aside.csv")
    rows = _rows(source)
    done = _done(target, COLUMNS) | _done(aside, ASIDE)
    waiting = [(number, row) for number, row in enumerate(rows, 1) if number not in done]
    if done:
        print(f"{len(rows) - len(waiting)} of {len(rows)} rows were done before", flush=True)
    if not waiting:
        print(f"nothing left to price in {source}; the prices are in {target}")
        return
    from tqdm import tqdm

    appraiser = Appraiser.load(args)
    bad = 0
    with (
        _Appended(target, COLUMNS) as priced,
        _Appended(aside, ASIDE) as put,
        tqdm(total=len(waiting), unit=" listings", disable=None, leave=False) as bar,
    ):
        for start in range(0, len(waiting), AT_ONCE):
            some = waiting[start : start + AT_ONCE]
            good, broken = _checked(some, source.parent)
            for number, row, reason in broken:
                put.add({"row": number, "id": row.get("id", ""), "reason": reason})
            answers = appraiser.appraise([listing for _, _, listing in good])
            for (number, row, _), answer in zip(good, answers, strict=True):
                priced.add({"row": number, "id": row.get("id", ""), **_cells(answer)})
            priced.keep()
            put.keep()
            bad += len(broken)
            bar.update(len(some))
    print(f"{len(waiting) - bad} listings priced in {target}")
    if bad:
        print(f"{bad} rows set aside, with their reasons in {aside}")
    elif not done:
        aside.unlink()


def _rows(source: Path) -> list[dict[str, str]]:
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StageError(f"--csv {source} cannot be read: {reason}") from error
    if not {"image", "text"} & set(reader.fieldnames or ()):
        raise StageError(f"--csv {source} has neither a column image nor a column text")
    return rows


def _checked(some, folder: Path) -> tuple[list, list]:
    """Listings whose picture and text can be read, and (number, row, reason) of the others."""
    from common.embed.images import BrokenImageError
    from pricing import uploads

    good, broken = [], []
    for number, row in some:
        if None in row or None in row.values():
            broken.append((number, row, "not as many cells as the header"))
            continue
        try:
            name = row.get("image", "").strip()
            image = uploads.picture(folder / name) if name else None
            text = uploads.text(row.get("text"))
        except (BrokenImageError, uploads.TextTooLongError) as error:
            broken.append((number, row, str(error)))
            continue
        if image is None and not text:
            broken.append((number, row, "neither image nor text"))
            continue
        known = {name: row[name].strip() for name in KNOWN if row.get(name, "").strip()}
        good.append((number, row, Listing(text, image, known)))
    return good, broken


def _cells(answer: Answer) -> dict[str, object]:
    cells = {
        name: "" if (usd := getattr(answer, name)) is None else f"{usd:.2f}"
        for name in ("price_usd", "low_usd", "high_usd")
    }
    cells |= {"refusal": answer.refusal or "", "doubts": " ".join(answer.doubts)}
    cells["doubt"] = f"{answer.doubt:.3f}"
    for task, label in answer.labels.items():
        cells |= {task: label.value, f"{task}_confidence": f"{label.confidence:.3f}"}
    cells |= {name: answer.read.get(name, "") for name in ("brand", "material", "item")}
    cells["comparables"] = " ".join(one.product_key for one in answer.comparables)
    return cells


def _done(path: Path, columns: tuple[str, ...]) -> set[int]:
    """The numbers of the rows that a former run wrote. Cuts off a last line that is torn."""
    if not path.exists():
        return set()
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        with path.open("rb+") as file:
            file.truncate(len(whole))
    lines = csv.DictReader(whole.decode("utf-8").splitlines(keepends=True))
    if whole and tuple(lines.fieldnames or ()) != columns:
        raise StageError(f"{path} is not a file of this command's; choose another --out")
    return set(_numbers(lines))


def _numbers(lines: csv.DictReader) -> Iterator[int]:
    for row in lines:
        if (row["row"] or "").isdecimal():
            yield int(row["row"])


class _Appended:
    """A CSV to which whole lines are added."""

    def __init__(self, path: Path, columns: tuple[str, ...]):
        self._path, self._columns = path, columns

    def __enter__(self) -> "_Appended":
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

    def add(self, row: dict[str, object]) -> None:
        # A cell that a spreadsheet would take for a formula is text.
        self._writer.writerow({name: _harmless(str(cell)) for name, cell in row.items()})

    def keep(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StageError(
                f"cannot write {self._path}: {error.strerror}; make room and run the same "
                "command again"
            ) from error


def _harmless(cell: str) -> str:
    # What a visitor wrote into a cell must be on one line and no formula.
    cell = " ".join(cell.split())
    return (
        f"'{cell}" if cell[:1] in "=+@" or (cell[:1] == "-" and not cell[1:2].isdigit()) else cell
    )
