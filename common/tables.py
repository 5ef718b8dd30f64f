"""Results of a run -> the tables of the README, as rows of cells."""

import json
from dataclasses import dataclass
from pathlib import Path

from common.criteria import model_names

MANIFEST = ".meta.json"
CEILING = "ceiling.json"

# The artefacts whose manifests tell what a stage took.
STAGES = {
    "1 merge": ["merged_dataset.csv"],
    "1 attributes": ["dataset_with_llm.csv"],
    "embeddings": ["img_emb.npy", "wrd_emb.npy"],
    "2 `clustering_DEC.py`": ["clustering_DEC.csv"],
    "3a `Classification_ML.py`": ["Classification_ML.csv"],
    "3b `Classification_with_CNN.py`": ["Classification_with_CNN.csv"],
    "3c `Classification_with_CNN_multimodal.py`": ["Classification_with_CNN_multimodal.csv"],
    "3d `Classification_with_CLIP.py`": ["Classification_with_CLIP.csv"],
    "4a `regression_ML.py`": ["regression_ML.csv"],
    "4b `regression_DL_SOTA.py`": ["regression_DL_SOTA.csv"],
}
READERS = ["rules", "llm", "nobody"]

# A results table is known by a column that only its kind has.
KINDS = {"price": "r2", "classification": "f1_macro", "clustering": "nmi", "summary": "outcome"}
DETAILS = 4  # labels named in a line of the merge's account; the CSV has all
EXPERIMENTS = ["mixed", "HNM->FASHION", "FASHION->HNM"]
CONDITIONS = ("split", "text")
TASKS = ("category", "gender", "usage", "usage_native")

# What the study published beside what we measure: title, figure, kind, rows, baseline, column.
STUDY_PRICE = {"experiment": "metadata + embedding", "features": "study"}
STUDY_USAGE = {"experiment": "mixed", "task": "usage"}
PUBLISHED = (
    ("LightGBM, R²", 0.8364, "price", STUDY_PRICE, "LightGBM", "r2"),
    ("Advanced MLP, R²", 0.8904, "price", STUDY_PRICE, "Advanced MLP", "r2"),
    ("CLIP Fusion, usage accuracy", 0.91, "classification", STUDY_USAGE, "CLIP Fusion", "accuracy"),
    ("CNN (image only), usage accuracy", 0.58, "classification", STUDY_USAGE, "CNN", "accuracy"),
)
BASELINES = {"price": "Median by source", "classification": "Majority", "clustering": "Random"}


@dataclass
class Kept:
    """What is kept of a run: a frame per kind of result and of the merge, the manifests."""

    name: str
    tables: dict
    manifests: dict[str, dict]
    stages: dict[str, list[str]]  # kind -> the results tables it was read from
    ceiling: dict[str, float]  # of a drawn catalogue: the R2 that no model can beat, else empty


def read(folder: Path) -> Kept:
    """Reads what `adopt` kept; empty when the folder is absent."""
    import pandas as pd

    frames, stages = {}, {}
    for path in sorted(folder.glob("*.csv")):
        frame = pd.read_csv(path)
        for kind in (kind for kind, column in KINDS.items() if column in frame):
            frames.setdefault(kind, []).append(frame)
            stages.setdefault(kind, []).append(path.name)
    ceiling = folder / CEILING
    manifests = {
        path.name.removesuffix(MANIFEST): json.loads(path.read_text("utf-8"))
        for path in sorted(folder.glob(f"*{MANIFEST}"))
    }
    return Kept(
        folder.name,
        {kind: pd.concat(found, ignore_index=True) for kind, found in frames.items()},
        manifests,
        stages,
        json.loads(ceiling.read_text("utf-8")) if ceiling.exists() else {},
    )


# --- tables: rows of cells, the first row is the heading -------------------------------------


def price(kept: Kept) -> list[list[str]]:
    """Mean (and deviation over seeds) per experiment, feature set, model, split and text."""
    columns = {
        "r2": ("R²", "{:.3f}"),
        "r2_hnm": ("R² H&M", "{:.3f}"),
        "r2_fashion": ("R² Fashion", "{:.3f}"),
        "r2_log": ("R² log", "{:.3f}"),
        "mae": ("MAE (USD)", "{:.2f}"),
        "mdape": ("median error", "{:.1%}"),
        "fit_seconds": ("fit (s)", "{:.1f}"),
    }
    frame = kept.tables["price"]
    frame = frame.assign(order=frame["model"] != BASELINES["price"])
    frame = frame.sort_values(["experiment", "features", "order"], kind="stable")
    keys = ["experiment", "features", "model", *_varying(frame)]
    rows = _averaged(frame, keys, columns)
    if kept.ceiling:
        figures = [
            form.format(kept.ceiling[c]) if c in kept.ceiling else ""
            for c, (_, form) in columns.items()
        ]
        name = "Best reachable: the price formula without its noise"
        rows.append(["any", "any", name, *[""] * (len(keys) - 3), *figures])
    return rows


def classification(kept: Kept) -> list[list[str]]:
    """Accuracy / macro F1 per experiment and model, a column per task."""
    frame = kept.tables["classification"]
    keys = ["experiment", "model", *_varying(frame)]
    # Every stage writes the baseline row; one is enough.
    frame = frame.drop_duplicates([*keys, "task", "seed"])
    order = frame["experiment"].map(EXPERIMENTS.index).sort_values(kind="stable").index
    rows = [[*keys, *(f"{task}: accuracy / F1" for task in TASKS)]]
    for key, group in frame.loc[order].groupby(keys, sort=False):
        cells = []
        for task in TASKS:
            own = group[group["task"] == task]
            pair = [_mean(own[name], "{:.3f}") for name in ("accuracy", "f1_macro")]
            cells.append(" / ".join(pair) if len(own) else "–")
        rows.append([*key, *cells])
    return rows


def clustering(kept: Kept) -> list[list[str]]:
    """Agreement with the category labels, and silhouette, per method and K."""
    columns = {
        "acc": ("accuracy", "{:.3f}"),
        "nmi": ("NMI", "{:.3f}"),
        "ari": ("ARI", "{:.3f}"),
        "nmi_type": ("NMI product type", "{:.3f}"),
        "silhouette": ("silhouette", "{:.3f}"),
        "smallest_cluster": ("smallest cluster", "{:.0f}"),
        "seconds": ("seconds", "{:.1f}"),
    }
    frame = kept.tables["clustering"]
    return _averaged(frame, ["method", "k", *_varying(frame)], columns)


def summary(kept: Kept) -> list[list[str]]:
    """Raw rows and distinct texts of each source, and what became of them."""
    frame = kept.tables["summary"].fillna("")
    rows = [["source", "table", "outcome", "rows", "detail"]]
    for one in frame[frame["table"] != "llm"].itertuples():
        told = str(one.detail).split(", ")
        detail = ", ".join(told[:DETAILS]) + (", ..." if len(told) > DETAILS else "")
        rows.append([one.source, one.table, one.outcome, f"{one.rows:,}", detail])
    return rows


def attributes(kept: Kept) -> list[list[str]]:
    """Products of each source by who read an attribute out of the text."""
    frame = kept.tables["summary"]
    frame = frame[frame["table"] == "llm"]
    frame = frame.join(frame["outcome"].str.extract(r"^(?P<attribute>\w+) by (?P<reader>\w+)$"))
    counts = frame.pivot_table("rows", ["source", "attribute"], "reader", "sum", 0, sort=False)
    rows = [["source", "attribute", *(f"by {reader}" for reader in READERS)]]
    for key, line in counts.reindex(columns=READERS, fill_value=0).iterrows():
        rows.append([*key, *(f"{count:,.0f}" for count in line)])
    return rows


def cost(kept: Kept) -> list[list[str]]:
    """Wall time and peak memory of each stage, from the manifests of what it wrote."""
    rows = [["stage", "seconds", "peak memory (MB)"]]
    total = 0.0
    for stage, artefacts in STAGES.items():
        made = [kept.manifests[name] for name in artefacts if name in kept.manifests]
        if made:
            seconds = sum(one["seconds"] for one in made)
            memory = max(one["peak_memory_mb"] for one in made)
            rows.append([stage, f"{seconds:,.0f}", f"{memory:,.0f}"])
            total += seconds
    if not total:
        raise KeyError("no manifests")
    return [*rows, ["all", f"{total:,.0f}", ""]]


def published(kept: Kept) -> list[list[str]]:
    """The study's published figures beside ours and the baseline; they are not comparable."""
    rows = [["figure", "published", "here", "here, by the study's criterion", "baseline here"]]
    for title, figure, kind, wanted, model, column in PUBLISHED:
        frame = kept.tables[kind]
        for name, value in wanted.items():
            frame = frame[frame[name] == value]
        models = (model, model_names(model, "study")[0], BASELINES[kind])
        ours = [_mean(frame[frame["model"] == one][column], "{:.3f}") for one in models]
        rows.append([title, str(figure), *ours])
    return rows


TABLES = {
    each.__name__: each
    for each in (summary, attributes, price, classification, clustering, cost, published)
}


def above_ceiling(kept: Kept) -> list[str]:
    """Honest price rows that score better than the drawn catalogue's noise allows: a leak."""
    if not kept.ceiling or "price" not in kept.tables:
        return []
    frame = kept.tables["price"]
    beating = frame[(frame["r2"] > kept.ceiling["r2"]) & (frame["text"] == "clean")]
    return [
        f"{one.model} on {one.experiment} (R2 {one.r2:.3f})"
        for one in beating[beating["split"] == "grouped"].itertuples()
    ]


def _varying(frame) -> list[str]:
    """The conditions that differ between rows; those that do not stand in the caption."""
    return [name for name in CONDITIONS if len(set(frame[name])) > 1]


def _averaged(frame, keys: list[str], columns: dict[str, tuple[str, str]]) -> list[list[str]]:
    rows = [[*keys, *(title for title, _ in columns.values())]]
    for key, group in frame.groupby(keys, sort=False, dropna=False):
        cells = [_mean(group[name], form) for name, (_, form) in columns.items()]
        rows.append([*(str(part) for part in key), *cells])
    return rows


def _mean(values, form: str) -> str:
    """Mean over seeds, with the standard deviation when there are several that differ."""
    values = values.dropna()
    if values.empty:
        return "–"
    if values.min() == values.max():
        return form.format(values.mean())
    return f"{form.format(values.mean())} ± {form.format(values.std())}"
