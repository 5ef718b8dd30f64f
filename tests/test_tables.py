"""Tables from small results whose answer is known; every declaration names what exists."""

import re
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pytest
from shell import ROOT

from reports.runs import PRICE_FILES, RunResults, above_ceiling, read_run
from reports.tables import BASELINES, LABEL_FILES, PAGES, TABLES

KEPT = ROOT / "data" / "results"
CONDITIONS = {"split": "grouped", "text": "clean"}
MIXED = {**CONDITIONS, "experiment": "mixed", "seed": 0, "f1_macro": 0.5}
PRICE = {**CONDITIONS, "experiment": "metadata + embedding", "features": "study", "mae": 3.0}


def rows_of(name: str, file: str, rows: list[dict], **fields) -> list[list[str]]:
    return TABLES[name].rows(RunResults("kaggle14k", {file: pd.DataFrame(rows)}, **fields))


def test_mean_and_deviation_over_seeds_and_the_baseline_first():
    rows = [
        {**PRICE, "model": model, "seed": seed, "r2": r2 + (r2 > 0.1) * seed / 100}
        for model, r2 in (("LightGBM", 0.7), ("Median by source", 0.1))
        for seed in (0, 1, 2)
    ]
    table = rows_of("prices", "regression_ML", rows)
    assert table[0] == ["experiment", "features", "model", "R²", "MAE (USD)"]
    spread = np.std([0.70, 0.71, 0.72], ddof=1)
    assert [row[2:4] for row in table[1:]] == [
        ["Median by source", "0.100"],
        ["LightGBM", f"0.710 ± {spread:.3f}"],
    ]


def test_conditions_that_differ_get_a_column():
    rows = [
        {**PRICE, "model": "LightGBM", "seed": 0, "r2": 0.7, "split": split}
        for split in ("grouped", "random")
    ]
    table = rows_of("prices", "regression_ML", rows)
    assert table[0][:4] == ["experiment", "features", "model", "split"]
    assert [row[3] for row in table[1:]] == ["grouped", "random"]
    # The README's table shows the honest rows only.
    assert len(rows_of("price_models", "regression_ML", rows)) == 2


def test_published_figures_stand_beside_ours_and_the_baseline():
    price = [
        {**PRICE, "model": model, "seed": 0, "r2": r2}
        for model, r2 in (("Median by source", 0.1), ("LightGBM", 0.71))
    ]
    label = [
        {**MIXED, "task": "usage", "model": model, "accuracy": accuracy}
        for model, accuracy in (("Majority", 0.4), ("CLIP Fusion", 0.8))
    ]
    frames = {"regression_ML": price, "Classification_with_CLIP": label}
    frames = {name: pd.DataFrame(rows) for name, rows in frames.items()}
    table = TABLES["published"].rows(RunResults("kaggle14k", frames))
    assert {row[0].split(",")[0]: row[1:] for row in table[1:]} == {
        "LightGBM": ["0.8364", "0.710", "–", "0.100"],
        "Advanced MLP": ["0.8904", "–", "–", "0.100"],  # not run here
        "CLIP Fusion": ["0.91", "0.800", "–", "0.400"],
        "CNN (image only)": ["0.58", "–", "–", "0.400"],
    }


def test_tasks_are_columns_and_a_baseline_of_two_stages_counts_once():
    rows = [
        {**MIXED, "task": task, "model": model, "accuracy": accuracy}
        for task in ("category", "usage")
        for model, accuracy in (("Majority", 0.4), ("CNN", 0.8))
    ]
    other = [{**row, "experiment": "HNM->FASHION"} for row in rows if row["task"] == "usage"]
    frames = {"Classification_ML": rows[::2], "Classification_with_CNN": [*other, *rows]}
    frames = {name: pd.DataFrame(each) for name, each in frames.items()}
    table = TABLES["classification"].rows(RunResults("kaggle14k", frames))
    assert table == [
        ["experiment", "model", "category: accuracy / F1", "usage: accuracy / F1"],
        ["mixed", "Majority", "0.400 / 0.500", "0.400 / 0.500"],
        ["mixed", "CNN", "0.800 / 0.500", "0.800 / 0.500"],
        ["HNM->FASHION", "Majority", "–", "0.400 / 0.500"],
        ["HNM->FASHION", "CNN", "–", "0.800 / 0.500"],
    ]


def test_the_same_weights_stand_side_by_side_beside_the_majority():
    accuracy = {
        "CNN (study criterion)": 0.5,
        "Majority": 0.76,
        "CNN (study criterion, argmax)": 0.8,
        "LinearSVC": 0.9,
        "CNN": 0.81,
    }
    rows = [
        {**MIXED, "task": "usage_native", "model": name, "accuracy": value}
        for name, value in accuracy.items()
    ]
    table = rows_of("image_only", "Classification_with_CNN", rows)
    assert [row[:2] for row in table[1:]] == [
        ["Majority", "0.760"],
        ["CNN", "0.810"],
        ["CNN (study criterion)", "0.500"],
        ["CNN (study criterion, argmax)", "0.800"],
    ]


def test_confidence_leaves_out_models_that_have_none_and_classes_the_other_models():
    gender = {**MIXED, "task": "gender"}
    scores = {"ece": 0.012, "automatic_share": 0.875, "automatic_accuracy": 0.991}
    rows = [{**gender, "model": "CLIP Fusion", **scores}, {**gender, "model": "LinearSVC"}]
    assert rows_of("confidence", "Classification_with_CLIP", rows)[1:] == [
        ["gender", "CLIP Fusion", "0.012", "87.5%", "0.991"]
    ]
    scores = {"n_train": 1200, "support": 30, "precision": 1, "recall": 0.5, "f1": 2 / 3}
    rows = [
        {**gender, "class": "Boys", "model": model, **scores}
        for model in ("CNN", "CLIP Kernel Fusion")
    ]
    table = rows_of("classes", "Classification_with_CLIP_classes", rows)
    assert table[1:] == [["gender", "Boys", "1,200", "30", "1.000", "0.500", "0.667"]]


def test_the_best_trial_stands_beside_the_first():
    row = {"model": "CNN", "seconds": 3.0, "validation_accuracy": 0.9, "validation_f1_macro": 0.7}
    rows = [
        {**row, "trial": number, "value": value, "validation_log_loss": value, "lr": lr}
        for number, (value, lr) in enumerate([(0.3, 1e-3), (0.25, 2e-3), (0.4, 4e-3)])
    ]
    rows.append({**rows[0], "model": "XGBoost", "lr": None, "max_depth": 4})
    table = rows_of("label_tuning", "Classification_ML_tuning", rows)
    assert table[1:] == [
        ["CNN", "3", "0", "0.300", "0.900", "0.700", "lr 0.001"],
        ["CNN", "3", "1", "0.250", "0.900", "0.700", "lr 0.002"],
        ["XGBoost", "1", "0", "0.300", "0.900", "0.700", "max_depth 4"],
        ["XGBoost", "1", "0", "0.300", "0.900", "0.700", "max_depth 4"],
    ]


def test_the_account_of_raw_rows_and_of_who_read_what():
    rows = [
        ("FASHION", "styles", "kept", 1234, ""),
        ("FASHION", "styles", "not wearable", 9, "Watches 4, Ring 2, Perfume 1, Toy 1, Lid 1"),
        ("FASHION", "llm", "brand by rules", 1000, ""),
        ("FASHION", "llm", "brand by nobody", 234, ""),
        ("both", "llm", "values dropped, not in the text", 7, ""),
    ]
    rows = [
        dict(zip(("source", "table", "outcome", "rows", "detail"), r, strict=True)) for r in rows
    ]
    table = rows_of("account", "Use_LLM_for_preprocess", rows)
    assert table[1] == ["FASHION", "styles", "1,234", "kept", ""]
    assert table[2][-1] == "Watches 4, Ring 2, Perfume 1, Toy 1, ..."
    assert len(table) == 3
    table = rows_of("readers", "Use_LLM_for_preprocess", rows)
    assert table[1:] == [["FASHION", "brand", "1,000", "0", "234"]]


def test_time_and_memory_of_each_stage_with_the_embeddings_apart():
    manifest = {"seconds": 61.5, "peak_memory_mb": 900}
    names = ("regression_ML.csv", "Classification_with_CLIP.csv", "img_emb.npy", "wrd_emb.npy")
    run = RunResults("kaggle14k", {}, dict.fromkeys(names, manifest))
    assert TABLES["cost"].rows(run)[1:] == [
        ["embeddings", "123", "900"],
        ["3d `Classification_with_CLIP.py`", "62", "900"],
        ["4a `regression_ML.py`", "62", "900"],
        ["all", "246", ""],
    ]


def test_a_drawn_catalogue_stands_beside_the_best_that_can_be_reached():
    rows = [{**PRICE, "model": "LightGBM", "seed": 0, "r2": 0.7}]
    ceiling = {"r2": 0.92}
    table = rows_of("prices", "regression_ML", rows, ceiling=ceiling)
    assert table[-1] == ["any", "any", "Best reachable", "0.920", ""]
    run = RunResults("sample", {"regression_ML": pd.DataFrame(rows)}, ceiling=ceiling)
    assert above_ceiling(run) == []
    run.frames["regression_ML"].loc[0, "r2"] = 0.999
    assert above_ceiling(run) == ["LightGBM on metadata + embedding (R2 0.999)"]


def test_the_kept_sample_run_stays_below_its_ceiling():
    run = read_run(KEPT / "sample")
    assert len(run.frame(PRICE_FILES)) > 10
    assert 0.8 < run.ceiling["r2"] < 1
    assert above_ceiling(run) == []


@pytest.mark.parametrize("name", ["sample", "kaggle14k"])
def test_every_kept_run_has_its_baseline_rows(name):
    run = read_run(KEPT / name)
    for files, column in ((PRICE_FILES, "r2"), (LABEL_FILES, "accuracy")):
        assert BASELINES[column] in set(run.frame(files)["model"])
    assert BASELINES["nmi"] in set(run.frames["clustering_DEC"]["method"])


def test_a_table_without_results_is_left_out():
    for table in TABLES.values():
        assert table.rows(RunResults("absent", {})) == []


def test_every_table_names_code_and_commands_that_exist_and_is_shown_somewhere():
    shown = {table for page in PAGES.values() for _, table in page.tables}
    assert shown | {"price_models"} == set(TABLES)
    for name, table in TABLES.items():
        for path in re.findall(r"[\w/]+\.(?:py|md)", f"{table.code} {table.command}"):
            assert (ROOT / path).exists(), (name, path)
        for module in re.findall(r"python -m ([\w.]+)", table.command):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or path.is_dir(), (name, module)


def test_every_kept_results_file_is_shown_and_every_results_file_is_described():
    files = {name for table in TABLES.values() for name in table.files}
    kept = {path.stem for path in KEPT.glob("*/*.csv")}
    assert kept <= files
    text = (ROOT / "data" / "README.md").read_text("utf-8")
    patterns = re.findall(r"`([\w*]+)\.csv`", text)
    missing = [name for name in files if not any(fnmatch(name, each) for each in patterns)]
    assert not missing


def test_second_hand_prices_are_averaged_over_platforms_of_worn_goods_with_many_rows():
    def row(platform, model, r2, rows=300):
        key = {"experiment": "resale", "platform": platform, "model": model, "seed": 0}
        return {**key, "r2_log": r2, "mdape": 0.3, "n_test": rows}

    ridge = "TF-IDF ridge by platform"
    rows = [
        *(row(f"vinted_{name}", ridge, 0.5) for name in "ab"),
        row("vinted_a", "Stacked trees", 0.7),
        row("vinted_b", "Stacked trees", 0.4),
        *(row("stockx_c", model, -5.0) for model in (ridge, "Stacked trees")),
        *(row("depop_d", model, -5.0, rows=20) for model in (ridge, "Stacked trees")),
    ]
    table = rows_of("resale_models", "regression_ML", rows)
    assert table[1:] == [
        [ridge, "2", "0.500", "30.0%", ""],
        ["Stacked trees", "2", "0.550", "30.0%", "1"],
    ]
    condition = {"platform": "all", "condition": "all", "n": 2000, "violations": 3}
    frames = {"regression_ML": pd.DataFrame(rows), "resale_condition": pd.DataFrame([condition])}
    targets = TABLES["resale_targets"].rows(RunResults("listings", frames))
    measured = {name: value for name, _, value in targets[1:]}
    assert measured["Stacked trees: mean R² of the log price"] == "0.550"
    assert measured["Stacked trees: platforms better than their own ridge"] == "1 of 2"
    assert measured["listings that a better condition makes cheaper"] == "3 of 2,000"
