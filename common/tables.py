"""Results of a run -> the Markdown tables of the README, in English and Korean."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from common.criteria import model_names

SUMMARY = "merged_dataset.summary.csv"
MANIFEST = ".meta.json"
CEILING = "ceiling.json"

# A results table is known by a column that only its kind has.
KINDS = {"price": "r2", "classification": "f1_macro", "clustering": "nmi", "summary": "outcome"}
DETAILS = 4  # labels named in a line of the merge's account; the CSV has all
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
BASELINES = {"price": "Median by source", "classification": "Majority"}

KOREAN = {
    "experiment": "실험",
    "features": "특성",
    "model": "모델",
    "split": "분할",
    "text": "텍스트",
    "method": "방법",
    "median error": "중앙값 오차",
    "fit (s)": "학습 (초)",
    "accuracy": "정확도",
    "silhouette": "실루엣",
    "smallest cluster": "최소 군집 크기",
    "seconds": "초",
    "stage": "단계",
    "wrote": "산출물",
    "peak memory (MB)": "최대 메모리 (MB)",
    "figure": "지표",
    "published": "연구 발표치",
    "here": "이 저장소",
    "here, by the study's criterion": "이 저장소, 연구의 판정 기준",
    "baseline here": "기준선",
    "source": "출처",
    "table": "표",
    "outcome": "결과",
    "detail": "내역",
    "rows": "행",
    "data": "데이터",
    "preset": "프리셋",
    "training rows": "학습 행",
    "test rows": "테스트 행",
    "seeds": "시드",
    "limit": "제한",
    "hardware": "하드웨어",
}
SYNTHETIC = {
    "en": " Drawn, synthetic products: a check of the pipeline, no claim about real prices.",
    "ko": " 그려서 만든 합성 상품이므로 파이프라인 점검용이며 실제 가격에 대한 주장이 아닙니다.",
}


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
    keys = ["experiment", "features", "model", "split", "text"]
    rows = _averaged(kept.tables["price"].sort_values(keys[:2], kind="stable"), keys, columns)
    if kept.ceiling:
        figures = [
            form.format(kept.ceiling[c]) if c in kept.ceiling else ""
            for c, (_, form) in columns.items()
        ]
        rows.append(
            ["any", "any", "Best reachable: the price formula without its noise", "", "", *figures]
        )
    return rows


def classification(kept: Kept) -> list[list[str]]:
    """Accuracy / macro F1 per experiment and model, a column per task."""
    keys = ["experiment", "model", "split", "text"]
    # Every stage writes the baseline row; one is enough.
    frame = kept.tables["classification"].drop_duplicates([*keys, "task", "seed"])
    rows = [[*keys, *(f"{task}: accuracy / F1" for task in TASKS)]]
    order = frame["experiment"].map({"mixed": 0}).fillna(1)
    for key, group in frame.loc[order.sort_values(kind="stable").index].groupby(keys, sort=False):
        cells = []
        for task in TASKS:
            own = group[group["task"] == task]
            cells.append(
                " / ".join(_mean(own[name], "{:.3f}") for name in ("accuracy", "f1_macro"))
            )
        rows.append([*key, *cells])
    return rows


def clustering(kept: Kept) -> list[list[str]]:
    """Agreement with the category labels, and silhouette, per method and K."""
    columns = {
        "acc": ("accuracy", "{:.3f}"),
        "nmi": ("NMI", "{:.3f}"),
        "ari": ("ARI", "{:.3f}"),
        "silhouette": ("silhouette", "{:.3f}"),
        "smallest_cluster": ("smallest cluster", "{:.0f}"),
        "seconds": ("seconds", "{:.1f}"),
    }
    return _averaged(kept.tables["clustering"], ["method", "k"], columns)


def summary(kept: Kept) -> list[list[str]]:
    """Raw rows of each source and table, and what became of them."""
    frame = kept.tables["summary"].fillna("")
    rows = [["source", "table", "outcome", "rows", "detail"]]
    for one in frame.itertuples():
        told = str(one.detail).split(", ")
        detail = ", ".join(told[:DETAILS]) + (", ..." if len(told) > DETAILS else "")
        rows.append([one.source, one.table, one.outcome, f"{one.rows:,}", detail])
    return rows


def cost(kept: Kept) -> list[list[str]]:
    """Wall time and peak memory of each script, from the manifests of what it wrote."""
    stages = {}
    for name, known in kept.manifests.items():
        script = re.search(r"\w+\.py", known.get("command", ""))
        if script and known.get("seconds") is not None:
            stage = "embeddings" if name.endswith(".npy") else script.group()
            stages.setdefault(stage, []).append((name, known["seconds"], known["peak_memory_mb"]))
    rows = [
        [
            f"`{stage}`" if stage.endswith(".py") else stage,
            ", ".join(f"`{name}`" for name, _, _ in made),
            f"{sum(seconds for _, seconds, _ in made):,.0f}",
            f"{max(memory for _, _, memory in made):,.0f}",
        ]
        for stage, made in stages.items()
    ]
    if not rows:
        raise KeyError("no manifests")
    everything = [one for made in stages.values() for one in made]
    total = sum(seconds for _, seconds, _ in everything)
    return [
        ["stage", "wrote", "seconds", "peak memory (MB)"],
        *rows,
        ["all", "", f"{total:,.0f}", ""],
    ]


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
    each.__name__: each for each in (summary, price, classification, clustering, cost, published)
}


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


# --- text ------------------------------------------------------------------------------------


def markdown(kept: Kept, name: str, language: str = "en") -> str:
    """One table with the line above it that says what it was computed from."""
    try:
        rows = TABLES[name](kept)
    except KeyError:  # a table that is not there
        return {"en": "*Not run yet.*\n", "ko": "*아직 실행하지 않음.*\n"}[language]
    if language == "ko":
        rows[0] = [KOREAN.get(title, title) for title in rows[0]]
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in cells) for index in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return _caption(kept, name, language) + "\n\n" + "\n".join(lines) + "\n"


def _caption(kept: Kept, name: str, language: str) -> str:
    """What the table was computed from: data, rows, preset, seeds, hardware."""
    frame = kept.tables.get(name)
    wanted = kept.stages.get(name) or [key for key in kept.manifests if key.endswith(".csv")]
    made = [kept.manifests[key] for key in wanted if key in kept.manifests]
    facts = {
        "data": [kept.name],
        "preset": [one["preset"] for one in made],
        "training rows": []
        if frame is None or "n_train" not in frame
        else [frame["n_train"].max()],
        "test rows": [] if frame is None or "n_test" not in frame else [frame["n_test"].max()],
        "seeds": [] if frame is None else sorted(frame["seed"].unique()),
        "limit": [one["limit"] for one in made if one.get("limit")],
        "hardware": [one["hardware"] for one in made],
    }
    said = "; ".join(
        f"{KOREAN[key] if language == 'ko' else key}: {', '.join(dict.fromkeys(map(str, values)))}"
        for key, values in facts.items()
        if values
    )
    return f"{said}.{SYNTHETIC[language] if kept.name == 'sample' else ''}"
