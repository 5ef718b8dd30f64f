"""Every table of the README, the cards, docs/results/ and report.html, as rows of cells.

They are declared in ``tables.toml``: files, keys, columns, order. Here is how a declaration becomes
rows, averaged over seeds, and what a mean cannot say is a function.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from reports.runs import PRICE_FILES, RunResults
from resale.scores import EXPERIMENT, OWN_RIDGE, many_rows, platform_means

Columns = dict[str, tuple[str, str]]  # column -> (title, format)
Rows = list[list[str]]  # the first row is the heading


@dataclass(frozen=True)
class Table:
    """One table, see the head of ``tables.toml``; :meth:`rows` makes it from a run's results."""

    title: str
    command: str
    code: str
    note: str = ""
    files: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    pivot: tuple[str, ...] = ()
    columns: Columns = field(default_factory=dict)
    where: dict[str, list[str]] = field(default_factory=dict)
    order: dict[str, list[str] | str] = field(default_factory=dict)
    compute: str = ""
    ceiling: bool = False

    def frame(self, run: RunResults) -> pd.DataFrame:
        """The rows of the files that this table shows, in its order; may be empty."""
        frame = run.frame(self.files)
        for name, values in self.where.items():
            if name in frame:
                frame = frame[frame[name].isin(values) if values else frame[name].notna()]
        for name, order in reversed(self.order.items()):
            if name in frame:
                key = None if isinstance(order, str) else _places(order)
                frame = frame.sort_values(name, kind="stable", key=key, ascending=order != "down")
        return frame

    def rows(self, run: RunResults) -> Rows:
        """The table as cells; an empty list where its results are not there."""
        frame = self.frame(run)
        if frame.empty and self.files:
            return []
        if self.compute:
            rows = COMPUTE[self.compute](frame, run)
        elif self.pivot:
            rows = _pivoted(self, frame)
        else:
            rows = _averaged(self, frame)
        if self.ceiling and run.ceiling:
            rows.append(_ceiling(self, run, rows[0]))
        rows[0] = [title.replace("_", " ") for title in rows[0]]
        return rows if len(rows) > 1 else []


def _places(first: list[str]) -> Callable[[pd.Series], pd.Series]:
    rank = {value: place for place, value in enumerate(first)}
    return lambda column: column.map(lambda value: rank.get(value, len(rank)))


def _keys(table: Table, frame: pd.DataFrame) -> list[str]:
    """The table's keys, with split and text where they differ between rows."""
    names = [name for name in ("split", "text") if name in frame and name not in table.keys]
    return [*table.keys, *(name for name in names if len(set(frame[name])) > 1)]


def _averaged(table: Table, frame: pd.DataFrame) -> Rows:
    keys = _keys(table, frame)
    columns = {name: spec for name, spec in table.columns.items() if name in frame}
    rows = [[*keys, *(title for title, _ in columns.values())]]
    for key, group in frame.groupby(keys, sort=False, dropna=False):
        cells = [mean(group[name], form) for name, (_, form) in columns.items()]
        rows.append([*map(str, key), *cells])
    return rows


def _ceiling(table: Table, run: RunResults, head: list[str]) -> list[str]:
    """A last row: what the price formula of a drawn catalogue reaches without its noise."""
    forms = {title: (name, form) for name, (title, form) in table.columns.items()}
    cells = ["any"] * (len(table.keys) - 1) + ["Best reachable"]
    for title in head[len(cells) :]:
        name, form = forms.get(title, ("", ""))
        cells.append(format(run.ceiling[name], form) if name in run.ceiling else "")
    return cells


def _pivoted(table: Table, frame: pd.DataFrame) -> Rows:
    keys, pivot = _keys(table, frame), list(table.pivot)
    # Several stages write the baseline row; it must not count twice.
    frame = frame.drop_duplicates([*keys, *pivot, *(name for name in ("seed",) if name in frame)])
    places = list(frame[pivot].drop_duplicates().itertuples(index=False, name=None))
    shown = " / ".join(title for title, _ in table.columns.values())
    rows = [[*keys, *(f"{' '.join(map(str, place))}: {shown}" for place in places)]]
    cells = {}
    for place, part in frame.groupby([*keys, *pivot], sort=False):
        means = [mean(part[name], form) for name, (_, form) in table.columns.items()]
        cells.setdefault(place[: len(keys)], {})[place[len(keys) :]] = " / ".join(means)
    return [
        *rows,
        *(
            [*map(str, key), *(row.get(place, "–") for place in places)]
            for key, row in cells.items()
        ),
    ]


def mean(values: pd.Series, form: str) -> str:
    """Mean over seeds, with the standard deviation when there are several that differ."""
    values = values.dropna()
    if values.empty:
        return "–"
    text = format(values.mean(), form)
    if values.min() == values.max():
        return text
    return f"{text} ± {format(values.std(), form.removeprefix('+'))}"


# --- tables that compute -------------------------------------------------------------------------

DETAILS = 4  # labels named in a row of the account; the CSV has all
MOST_VALUES = 5  # of a source and a direction, in the table of effects
READERS = ["rules", "llm", "nobody"]
NO_SETTING = ["model", "trial", "value", "seconds", "fit_seconds", "best_epoch"]


def _account(frame: pd.DataFrame, _: RunResults) -> Rows:
    rows = [["source", "table", "rows", "outcome", "detail"]]
    for row in frame[frame["table"] != "llm"].fillna("").itertuples():
        labels = str(row.detail).split(", ")
        detail = ", ".join(labels[:DETAILS]) + (", ..." if len(labels) > DETAILS else "")
        rows.append([row.source, row.table, f"{row.rows:,}", row.outcome, detail])
    return rows


def _readers(frame: pd.DataFrame, _: RunResults) -> Rows:
    frame = frame[frame["table"] == "llm"]
    frame = frame.join(frame["outcome"].str.extract(r"^(?P<attribute>\w+) by (?P<reader>\w+)$"))
    counts = frame.pivot_table("rows", ["source", "attribute"], "reader", "sum", 0, sort=False)
    counts = counts.reindex(columns=READERS, fill_value=0)
    head = ["source", "attribute", *(f"by {reader}" for reader in READERS)]
    return [head, *([*key, *map("{:,.0f}".format, row)] for key, row in counts.iterrows())]


def _intervals(frame: pd.DataFrame, _: RunResults) -> Rows:
    keys = ["experiment", "features", "method"]
    rows = [
        [*keys, "coverage", "H&M", "Fashion", "least of ten price deciles", "median width (USD)"]
    ]
    for key, part in frame.groupby(keys, sort=False):
        # The least of means over seeds: the least of each seed would be a matter of luck.
        deciles = part[part["grouping"] == "price decile"].groupby("group")["coverage"].mean()
        groups = [part[part["group"] == name] for name in ("all", "HNM", "FASHION")]
        coverage = [mean(group["coverage"], ".1%") for group in groups]
        rows.append(
            [*key, *coverage, f"{deciles.min():.1%}", mean(groups[0]["median_width"], ".2f")]
        )
    return rows


def _tree_trials(frame: pd.DataFrame, _: RunResults) -> Rows:
    rows = [
        ["model", "reads", "trials", "R² validation", "MAE validation (USD)", "trees", "fit (s)"]
    ]
    for key, trials in frame.groupby(["model", "reads"]):
        best = trials.loc[trials["value"].idxmin()]
        scores = f"{best['validation_r2']:.3f}", f"{best['validation_mae']:.2f}"
        size = f"{best['rounds']:,.0f}", f"{best['fit_seconds']:.1f}"
        rows.append([*key, str(len(trials)), *scores, *size])
    return rows


def _label_trials(frame: pd.DataFrame, _: RunResults) -> Rows:
    rows = [["model", "trials", "trial", "log loss", "accuracy", "macro F1", "settings"]]
    for model, trials in frame.groupby("model", sort=False):
        for best in (trials.loc[trials["trial"].idxmin()], trials.loc[trials["value"].idxmin()]):
            settings = best.drop(NO_SETTING, errors="ignore").dropna()
            text = ", ".join(
                f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in settings.items()
                if not name.startswith("validation_")
            )
            names = ("validation_log_loss", "validation_accuracy", "validation_f1_macro")
            scores = [f"{best[name]:.3f}" for name in names]
            rows.append([model, str(len(trials)), str(best["trial"]), *scores, text])
    return rows


def _effects(frame: pd.DataFrame, _: RunResults) -> Rows:
    rows = [["source", "attribute", "mean effect", "raises the price most", "lowers it most"]]
    strength = frame[frame["value"].isna() & (frame["attribute"] != "all")]
    strength = strength.sort_values(["source", "effect"], ascending=[False, False])
    for row in strength.itertuples():
        part = frame[(frame["source"] == row.source) & (frame["attribute"] == row.attribute)]
        part = part[part["value"].notna() & (part["value"] != "other")].sort_values("effect")
        raises, lowers = part[part["effect"] > 0].iloc[::-1], part[part["effect"] < 0]
        rows.append(
            [row.source, row.attribute, f"{row.effect:.1%}", _values(raises), _values(lowers)]
        )
    return rows


def _values(frame: pd.DataFrame) -> str:
    values = frame.head(MOST_VALUES).itertuples()
    return ", ".join(f"{value.value} {value.effect:+.0%}" for value in values) or "–"


# What the published study states: title, figure, files, rows, baseline, column.
STUDY_PRICE = {"experiment": "metadata + embedding", "features": "study"}
STUDY_USAGE = {"experiment": "mixed", "task": "usage"}
LABEL_FILES = (
    "Classification_ML",
    "Classification_with_CNN",
    "Classification_with_CNN_multimodal",
    "Classification_with_CLIP",
)
PUBLISHED = (
    ("LightGBM, R²", 0.8364, PRICE_FILES, STUDY_PRICE, "LightGBM", "r2"),
    ("Advanced MLP, R²", 0.8904, PRICE_FILES, STUDY_PRICE, "Advanced MLP", "r2"),
    ("CLIP Fusion, usage accuracy", 0.91, LABEL_FILES, STUDY_USAGE, "CLIP Fusion", "accuracy"),
    ("CNN (image only), usage accuracy", 0.58, LABEL_FILES, STUDY_USAGE, "CNN", "accuracy"),
)
BASELINES = {"r2": "Median by source", "accuracy": "Majority", "nmi": "Random"}


def _published(_: pd.DataFrame, run: RunResults) -> Rows:
    rows = [["figure", "published", "here", "here, by the study's criterion", "baseline here"]]
    for title, figure, files, where, model, column in PUBLISHED:
        frame = run.frame(files)
        for name, value in where.items():
            frame = frame[frame[name] == value] if name in frame else frame
        models = (model, f"{model} (study criterion)", BASELINES[column])
        if not frame.empty:
            values = [mean(frame[frame["model"] == name][column], ".3f") for name in models]
            rows.append([title, str(figure), *values])
    return rows


# The artefacts whose manifests tell what a stage took.
STAGES = {
    "1 merge": ["merged_dataset.csv"],
    "1 attributes": ["dataset_with_llm.csv"],
    "embeddings": ["img_emb.npy", "wrd_emb.npy"],
    "2 `clustering_DEC.py`": ["clustering_DEC.csv"],
    **{f"3{'abcd'[place]} `{name}.py`": [f"{name}.csv"] for place, name in enumerate(LABEL_FILES)},
    **{f"4{'ab'[place]} `{name}.py`": [f"{name}.csv"] for place, name in enumerate(PRICE_FILES)},
}


def _cost(_: pd.DataFrame, run: RunResults) -> Rows:
    rows, total = [["stage", "seconds", "peak memory (MB)"]], 0.0
    for stage, artefacts in STAGES.items():
        manifests = [run.manifests[name] for name in artefacts if name in run.manifests]
        if manifests:
            seconds = sum(manifest["seconds"] for manifest in manifests)
            memory = max(manifest["peak_memory_mb"] for manifest in manifests)
            rows.append([stage, f"{seconds:,.0f}", f"{memory:,.0f}"])
            total += seconds
    return [*rows, ["all", f"{total:,.0f}", ""]] if total else rows


UNWORN = ("stockx", "goat")  # unworn sneakers, a market of its own


def _worn(frame: pd.DataFrame, rows: str = "n_test") -> pd.DataFrame:
    """The rows of platforms of worn goods with many test rows; of all, where none has many."""
    return many_rows(frame[~frame["platform"].str.startswith(UNWORN)], rows)


def _platform_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds by model and platform, with the R² of the platform's own ridge."""
    frame = _worn(frame[frame["experiment"] == EXPERIMENT])
    return platform_means(frame, ["r2_log", "mdape"])


def _resale_models(frame: pd.DataFrame, _: RunResults) -> Rows:
    rows = [["model", "platforms", "R² log", "median error", "better than the ridge"]]
    for name, part in _platform_scores(frame).groupby("model", sort=False):
        better = "" if name == OWN_RIDGE else f"{(part['r2_log'] > part['ridge']).sum()}"
        scores = f"{part['r2_log'].mean():.3f}", f"{part['mdape'].mean():.1%}"
        rows.append([name, str(len(part)), *scores, better])
    return rows


def _resale_targets(frame: pd.DataFrame, run: RunResults) -> Rows:
    rows = [["what", "wanted", "measured"]]
    scores = _platform_scores(frame[frame["r2_log"].notna()])
    for name, part in scores.groupby("model", sort=False):
        if name.endswith("tacked trees"):
            count = f"{(part['r2_log'] > part['ridge']).sum()} of {len(part)}"
            rows += [
                [f"{name}: mean R² of the log price", "0.63", f"{part['r2_log'].mean():.3f}"],
                [f"{name}: mean median error", "31.5%", f"{part['mdape'].mean():.1%}"],
                [f"{name}: platforms better than their own ridge", "20 of 22", count],
            ]
    condition = run.frame(("resale_condition",))
    if len(condition):
        tried = condition[condition["violations"].notna()].iloc[0]
        broken = f"{tried['violations']:.0f} of {tried['n']:,.0f}"
        rows.append(["listings that a better condition makes cheaper", "0 of 2,000", broken])
    ranges = run.frame(("resale_ranges",))
    if len(ranges):
        of_platform = _worn(ranges[ranges["condition"] == "all"], "n")
        of_platform = of_platform[of_platform["platform"] != "all"]
        everything = ranges[ranges["platform"] == "all"].set_index("condition")
        of_grade = everything.drop(index="all")
        for name, part in (("platforms", of_platform), ("conditions", of_grade)):
            inside = part["coverage"].between(0.87, 0.93).sum()
            what = f"{name} whose 90 % ranges hold 87 to 93 %"
            rows.append([what, "all", f"{inside} of {len(part)}"])
        row = everything.loc["all"]
        for name, words in (("", "one constant"), ("platform_", "a constant by platform")):
            gain = row["width_log"] / row[f"{name}constant_width_log"] - 1
            rows.append([f"median width against {words}", "-10%", f"{gain:+.1%}"])
    return rows + _adaptation_targets(run.frame(("new_platform",)))


def _adaptation_targets(frame: pd.DataFrame) -> Rows:
    if frame.empty:
        return []
    frame = frame[(frame["left_out"] == "platform") & ~frame["platform"].str.startswith(UNWORN)]
    means = frame.pivot_table("r2_log", ["rows", "platform"], "model").dropna(subset=["Adapted"])
    gain = means["Adapted"] - means["TF-IDF ridge"]
    few, many = gain.loc[100], gain.loc[1000]
    enough = f"{(few >= 0.1).sum()} of {len(few)}; mean {few.mean():+.3f}"
    return [
        ["new platforms, 100 rows: R² at least 0.10 above the ridge on them", "all", enough],
        ["new platforms, 1,000 rows: least gain of R²", "0", f"{many.min():+.3f}"],
    ]


def _benches(_: pd.DataFrame, run: RunResults) -> Rows:
    lines = [[line["bench"], line["summary"], line["hardware"]] for line in run.benches]
    return [["bench", "result", "hardware"], *lines]


COMPUTE = {
    "account": _account,
    "readers": _readers,
    "intervals": _intervals,
    "tree_trials": _tree_trials,
    "label_trials": _label_trials,
    "effects": _effects,
    "published": _published,
    "cost": _cost,
    "resale_models": _resale_models,
    "resale_targets": _resale_targets,
    "benches": _benches,
}


# --- the declarations ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """One page of docs/results/: its opening sentences, and its tables as (run, table)."""

    title: str
    opening: str
    tables: tuple[tuple[str, str], ...]
    figure: str = ""


def _declared() -> tuple[dict[str, Table], dict[str, Page], dict[str, str]]:
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    declared, tables = tomllib.loads(text), {}
    for name, fields in declared["tables"].items():
        names = {key: tuple(fields.pop(key, "").split()) for key in ("files", "keys", "pivot")}
        columns = fields.pop("columns", "").split()
        columns = {column: tuple(declared["columns"][column]) for column in columns}
        tables[name] = Table(**fields, **names, columns=columns)
    pages = {}
    for name, fields in declared["pages"].items():
        places = [tuple(place.split(":")) for place in fields.pop("tables").split()]
        pages[name] = Page(**fields, tables=tuple(places))
    return tables, pages, declared["runs"]


TABLES, PAGES, RUNS = _declared()
