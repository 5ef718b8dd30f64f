"""report.html: what a run found, as one self-contained page that can be read on a phone."""

import base64
import io
import re
import tempfile
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from common.artifacts import Paths, RunConfig, StageError, atomic
from common.product_table import read_table
from pricing.predictor import ListingInput, PriceEstimate, PricePredictor
from pricing.strings import reason
from reports.runs import RunResults, above_ceiling, adopt, read_run
from reports.tables import BASELINES, LABEL_FILES, TABLES, Rows, Table
from reports.write import caption

LARGEST = 5_000_000  # bytes of the page
WIDTHS = (1200, 900, 600)  # of a figure in pixels; the next where the page gets too large
EXAMPLES, CARD_WIDTH = 5, 320
NUMBER = re.compile(r"–|[-+]?[\d,]+(\.\d+)?%?( [±/] [\d.%]+)*")
STYLE = Path(__file__).with_name("report.css")

MIXED = {"experiment": ["mixed"]}  # learns from both sources
# Heading, table, the column whose largest value is the best.
LEADERBOARDS = (
    ("Prices", TABLES["price_models"], "R²"),
    ("Labels", replace(TABLES["classification"], keys=("model",), where=MIXED), "category"),
    ("Clusters", TABLES["clustering"], "NMI"),
)
# Caption, and the figures that show it, the first that is there.
FIGURES = {
    "Prices": (
        (
            "Predicted against listed price, test products",
            ("*metadata*listing*_parity", "*_parity"),
        ),
        ("Prediction intervals, and the share inside", ("*metadata*listing*_ranges", "*_ranges")),
    ),
    "Labels": (
        ("Confusion matrix of the best classifier, category", ("{best}", "confusion_*_category")),
    ),
    "Clusters": (
        ("Products on a map of their embeddings, by cluster", ("clusters_k_means", "clusters_*")),
        ("The most central products of each cluster", ("contact_sheet_k_means", "contact_sheet_*")),
    ),
}


def write_report(paths: Paths) -> Path:
    """Writes <data-dir>/report.html and returns its path.

    Raises StageError where there are no results, and where a model scores better than a drawn
    catalogue's noise allows.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / paths.data.resolve().name
        adopt(paths.data, folder)
        run = read_run(folder)
    if models := above_ceiling(run):
        raise StageError(
            f"R2 above the best reachable {run.ceiling['r2']:.3f}, so the price leaks into the "
            f"features: {', '.join(models)}"
        )
    cards = priced_examples(paths, run)
    for width in WIDTHS:
        text = render(run, paths, cards, width)
        if len(text.encode()) < LARGEST:
            break
    path = paths.data / "report.html"
    with atomic(path) as part:
        part.write_text(text, "utf-8")
    return path


def render(run: RunResults, paths: Paths, cards: str, width: int) -> str:
    """The page as text; figures at most ``width`` pixels wide."""
    parts = [f"<h1>Report of the run {escape(run.name)}</h1>"]
    if run.synthetic:
        parts.append(
            '<p class="note">Drawn, synthetic products: a check of the pipeline, no claim '
            "about real prices.</p>"
        )
    account = TABLES["account"]
    if rows := account.rows(run):
        parts.append(f"<h2>The data</h2>{_lead(account)}{_grid(rows)}")
    for heading, table, column in LEADERBOARDS:
        rows = table.rows(run)
        figures = "".join(
            _figure(path, text, width)
            for text, patterns in FIGURES[heading]
            if (path := _first(paths, run, patterns))
        )
        if rows:
            lead = f"{_lead(table)}{_grid(rows, column)}"
            figures = f'{lead}<p class="dim">{escape(caption(run, table))}</p>{figures}'
        if figures:
            parts.append(f"<h2>{heading}</h2>{figures}")
    parts += [f"<h2>Five test products, priced</h2>{cards}", _places(paths)]
    title = f"<title>Report of the run {escape(run.name)}</title>"
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{title}<style>{STYLE.read_text('utf-8')}</style></head><body>"
    )
    return f"{head}{''.join(parts)}</body></html>\n"


def _lead(table: Table) -> str:
    return f"<p>{escape(table.note.replace('`', ''))}</p>"


def _grid(rows: Rows, best: str = "") -> str:
    """Rows of cells as a table that scrolls sideways; the best row and baselines are marked."""
    head, *body = rows
    places = [place for place, title in enumerate(head) if best and title.startswith(best)]
    leaders = _leaders(body, head, places[0]) if places else set()
    lines = ["<tr>" + "".join(f"<th>{escape(title)}</th>" for title in head) + "</tr>"]
    for number, row in enumerate(body):
        kind = "best" if number in leaders else ""
        kind = "baseline" if {*BASELINES.values(), "One cluster"} & set(row) else kind
        lines.append(f'<tr class="{kind}">' + "".join(map(_cell, row)) + "</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def _cell(cell: str) -> str:
    kind = "number" if NUMBER.fullmatch(cell) else "long" if len(cell) > 40 else ""
    return f'<td class="{kind}">{escape(cell)}</td>'


def _leaders(body: Rows, head: list[str], place: int) -> set[int]:
    """Row numbers of the largest value of a column: one, or one for each set of features."""
    best: dict[str, tuple[float, int]] = {}
    for number, row in enumerate(body):
        group = row[0] if head[0] == "features" else ""
        if NUMBER.fullmatch(row[place]) and row[place] != "–" and group != "any":
            value = float(row[place].split()[0])
            if group not in best or value > best[group][0]:
                best[group] = value, number
    return {number for _, number in best.values()}


def _first(paths: Paths, run: RunResults, patterns: tuple[str, ...]) -> Path | None:
    """The first figure below <data-dir>/figures that one of the names fits."""
    for pattern in patterns:
        name = pattern.format(best=f"confusion_{_slug(best_classifier(run))}_category")
        if found := sorted((paths.data / "figures").rglob(f"{name}.png")):
            return found[0]
    return None


def best_classifier(run: RunResults) -> str:
    """The model with the highest accuracy on category in the mixed experiment; may be empty."""
    frame = run.frame(LABEL_FILES)
    if frame.empty:
        return ""
    frame = frame[(frame["experiment"] == "mixed") & (frame["task"] == "category")]
    means = frame.groupby("model")["accuracy"].mean()
    return str(means.idxmax()) if len(means) else ""


def _slug(name: str) -> str:
    return name.lower().replace(",", "").replace(" ", "_")


def _figure(path: Path, text: str, width: int) -> str:
    uri = data_uri(path, width)
    if uri is None:
        return ""
    return (
        f'<figure><img src="{uri}" alt="{escape(text)}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )


def data_uri(path: Path, width: int) -> str | None:
    """A picture, at most ``width`` pixels wide, as a WebP data URI; None if it cannot be read."""
    try:
        with Image.open(path) as picture:
            picture = ImageOps.exif_transpose(picture).convert("RGB")
            picture.thumbnail((width, 4 * width))
            out = io.BytesIO()
            picture.save(out, "WEBP", quality=82)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"


# --- priced examples -----------------------------------------------------------------------------


def priced_examples(paths: Paths, run: RunResults) -> str:
    """Test products with pictures, priced from title and photo alone; or why there are none."""
    try:
        products = read_table(paths.llm)
    except OSError:
        return '<p class="dim">Left out: there is no product table.</p>'
    products = products[(products["split"] == "test") & (products["market"] == "retail")]
    products = products.sort_values("price_usd", kind="stable")
    # Evenly over the price list, so that cheap and dear products show.
    places = np.array_split(np.arange(len(products)), EXAMPLES)
    rows = [
        row for part in places if (row := _first_with_picture(paths, products, part)) is not None
    ]
    if not rows:
        return '<p class="dim">Left out: no picture of a test product is there.</p>'
    products = products.iloc[rows]
    try:
        estimates = _estimates(paths, run, products)
    except StageError as error:
        return f'<p class="dim">Left out: {escape(str(error))}</p>'
    cards = [
        _card(paths.raw / product.image_path, product, estimate)
        for product, estimate in zip(products.itertuples(), estimates, strict=True)
    ]
    lead = "Priced from title and photo alone, as a seller would give them."
    return f'<p>{lead}</p><div class="cards">{"".join(cards)}</div>'


def _first_with_picture(paths: Paths, products, rows) -> int | None:
    """The first of the rows, from the middle on, whose picture can be decoded."""
    for row in rows[len(rows) // 2 :]:
        if data_uri(paths.raw / products["image_path"].iloc[row], CARD_WIDTH):
            return int(row)
    return None


def _estimates(paths: Paths, run: RunResults, products) -> list[PriceEstimate]:
    preset = run.manifests.get("dataset_with_llm.csv", {}).get("preset", "embedded")
    predictor = PricePredictor.load(RunConfig(paths, preset))
    rows = products.itertuples()
    return predictor.predict([ListingInput(row.title, paths.raw / row.image_path) for row in rows])


def _card(image: Path, product, estimate: PriceEstimate) -> str:
    uri = data_uri(image, CARD_WIDTH)
    picture = f'<img src="{uri}" alt="{escape(product.title)}">' if uri else ""
    if estimate.price_usd is None:
        price = f"<div>no price: {escape(reason('en', estimate.refusal))}</div>"
    else:
        price = (
            f'<div class="price">{estimate.price_usd:.2f} USD</div>'
            f"<div>90 % range {estimate.low_usd:.2f} to {estimate.high_usd:.2f}</div>"
        )
    labels = ", ".join(escape(label.value) for label in estimate.labels.values())
    return (
        f'<div class="card">{picture}<b>{escape(product.title)}</b>{price}'
        f'<div class="dim">listed at {product.price_usd:.2f} USD; {labels}</div></div>'
    )


def _places(paths: Paths) -> str:
    """Where the results, figures and models of the run lie, as links beside the page."""
    folders = {"results": "*.csv", "figures": "**/*.png", "models": "**/*.safetensors"}
    items = []
    for folder, pattern in folders.items():
        files = sorted((paths.data / folder).glob(pattern))
        if files:
            link = f'<a href="{folder}/">{folder}/</a>'
            names = [f.name for f in files] if folder == "results" else []
            links = ", ".join(f'<a href="results/{escape(n)}">{escape(n)}</a>' for n in names)
            items.append(f"<li>{link}: {len(files)} files{': ' + links if links else ''}</li>")
    return f"<h2>Where everything lies</h2><ul>{''.join(items)}</ul>"
