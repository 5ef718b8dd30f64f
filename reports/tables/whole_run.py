"""Tables about a whole run: what it cost, and what the study published beside it."""

from common.labels.protocol import model_names
from reports.tables.kept import BASELINES, Kept, mean

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

# What the study published beside what we measure: title, figure, kind, rows, baseline, column.
STUDY_PRICE = {"experiment": "metadata + embedding", "features": "study"}
STUDY_USAGE = {"experiment": "mixed", "task": "usage"}
PUBLISHED = (
    ("LightGBM, R²", 0.8364, "price", STUDY_PRICE, "LightGBM", "r2"),
    ("Advanced MLP, R²", 0.8904, "price", STUDY_PRICE, "Advanced MLP", "r2"),
    ("CLIP Fusion, usage accuracy", 0.91, "classification", STUDY_USAGE, "CLIP Fusion", "accuracy"),
    ("CNN (image only), usage accuracy", 0.58, "classification", STUDY_USAGE, "CNN", "accuracy"),
)


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
        ours = [mean(frame[frame["model"] == one][column], "{:.3f}") for one in models]
        rows.append([title, str(figure), *ours])
    return rows


def benches(kept: Kept) -> list[list[str]]:
    """What each bench said when it last ran."""
    if not kept.benches:
        raise KeyError("no benches")
    return [
        ["bench", "said", "hardware"],
        *([one["bench"], one["said"], one["hardware"]] for one in kept.benches),
    ]
