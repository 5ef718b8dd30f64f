"""What is kept of a run, and what every table does with it: rows of cells, averaged over seeds."""

import json
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = ".meta.json"
CEILING = "ceiling.json"

# A results table is known by a column that only its kind has.
KINDS = {
    "price": "r2_log",
    "ranges": "coverage",
    "appraisal": "door_mdape",
    "doubt": "refused_share",
    "classification": "f1_macro",
    "retrieval": "text_to_image@1",
    "classes": "support",
    "clustering": "nmi",
    "digits": "digits_acc",
    "cluster_names": "cluster_name",
    "summary": "outcome",
    "extraction": "rightly_empty",
    "completion": "majority_accuracy",
    "reading_cost": "reply_tokens",
    "leak": "reads_as",
    "leak_audit": "near_photos",
    "targets": "statistic",
    "tuning": "validation_r2",
    "source_shift": "shift",
    "across": "gap_closed",
    "label_tuning": "validation_log_loss",
    "ablation": "given",
    "size_curve": "learning_products",
    "effects": "effect",
}
CONDITIONS = ("split", "text")
BASELINES = {"price": "Median by source", "classification": "Majority", "clustering": "Random"}


@dataclass
class Kept:
    """What is kept of a run: a frame per kind of result and of the merge, the manifests."""

    name: str
    tables: dict
    manifests: dict[str, dict]
    stages: dict[str, list[str]]  # kind -> the results tables it was read from
    ceiling: dict[str, float]  # of a drawn catalogue: the R2 that no model can beat, else empty
    benches: list[dict] = field(
        default_factory=list
    )  # what the benches said last, a dictionary a line


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
        [
            json.loads(line)
            for path in sorted(folder.glob("*.jsonl"))
            for line in path.read_text("utf-8").splitlines()
        ],
    )


def varying(frame) -> list[str]:
    """The conditions that differ between rows; those that do not stand in the caption."""
    return [name for name in CONDITIONS if len(set(frame[name])) > 1]


def averaged(frame, keys: list[str], columns: dict[str, tuple[str, str]]) -> list[list[str]]:
    rows = [[*keys, *(title for title, _ in columns.values())]]
    for key, group in frame.groupby(keys, sort=False, dropna=False):
        cells = [mean(group[name], form) for name, (_, form) in columns.items()]
        rows.append([*(str(part) for part in key), *cells])
    return rows


def mean(values, form: str) -> str:
    """Mean over seeds, with the standard deviation when there are several that differ."""
    values = values.dropna()
    if values.empty:
        return "–"
    if values.min() == values.max():
        return form.format(values.mean())
    return f"{form.format(values.mean())} ± {form.format(values.std())}"
