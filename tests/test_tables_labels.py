"""Tables of retrieval, classes, confidence and reading, from results as the stages write them."""

import pandas as pd

from reports.tables import TABLES, Kept


def kept(**frames):
    return Kept("study", {name: pd.DataFrame(rows) for name, rows in frames.items()}, {}, {}, {})


CONDITIONS = {"split": "grouped", "text": "clean"}


def test_the_same_weights_stand_side_by_side_beside_the_majority():
    said = {**CONDITIONS, "experiment": "mixed", "task": "usage_native", "f1_macro": 0.2}
    accuracy = {
        "CNN (study criterion)": 0.5,
        "Majority": 0.76,
        "CNN (study criterion, argmax)": 0.8,
        "LinearSVC": 0.9,
        "CNN": 0.81,
    }
    rows = [
        {**said, "model": name, "accuracy": value, "seed": seed}
        for name, value in accuracy.items()
        for seed in (0, 1)
    ]
    # Every stage writes the baseline: it must not count twice.
    rows.append({**said, "model": "Majority", "accuracy": 0.76, "seed": 0})
    table = TABLES["reading"](kept(classification=rows))
    assert [row[0] for row in table[1:]] == [
        *("Majority", "CNN", "CNN (study criterion)", "CNN (study criterion, argmax)"),
        "published",
    ]
    assert [row[1] for row in table[1:]] == ["0.760", "0.810", "0.500", "0.800", "0.58"]


def test_confidence_leaves_out_what_has_none_and_classes_the_other_models():
    said = {**CONDITIONS, "experiment": "mixed", "task": "gender", "seed": 0}
    sure = {"ece": 0.012, "automatic_share": 0.875, "automatic_accuracy": 0.991}
    rows = [{**said, "model": "CLIP Fusion", **sure}, {**said, "model": "LinearSVC"}]
    assert TABLES["confidence"](kept(classification=rows))[1:] == [
        ["gender", "CLIP Fusion", "0.012", "87.5%", "0.991"]
    ]
    scores = {"n_train": 1200, "support": 30, "precision": 1, "recall": 0.5, "f1": 2 / 3}
    rows = [
        {**said, "class": "Boys", "model": model, **scores}
        for model in ("CNN", "CLIP Kernel Fusion")
    ]
    table = TABLES["classes"](kept(classes=rows))
    assert table[1:] == [["gender", "Boys", "1,200", "30", "1.000", "0.500", "0.667"]]


def test_the_best_trial_stands_beside_the_first():
    said = {"model": "CNN", "seconds": 3.0, "validation_accuracy": 0.9, "validation_f1_macro": 0.7}
    rows = [
        {**said, "trial": number, "value": value, "validation_log_loss": value, "lr": lr}
        for number, (value, lr) in enumerate([(0.3, 1e-3), (0.25, 2e-3), (0.4, 4e-3)])
    ]
    rows.append({**rows[0], "model": "XGBoost", "lr": None, "max_depth": 4})
    table = TABLES["label_tuning"](kept(label_tuning=rows))
    assert table[1:] == [
        ["CNN", "3", "0", "0.300", "0.900", "0.700", "lr 0.001"],
        ["CNN", "3", "1", "0.250", "0.900", "0.700", "lr 0.002"],
        ["XGBoost", "1", "0", "0.300", "0.900", "0.700", "max_depth 4"],
        ["XGBoost", "1", "0", "0.300", "0.900", "0.700", "max_depth 4"],
    ]


def test_a_recipe_shows_the_share_of_the_gap_it_closes():
    said = {**CONDITIONS, "experiment": "HNM->FASHION", "task": "gender", "model": "LinearSVC"}
    accuracy = {"as the study": (0.6, 0.0), "CORAL": (0.5, -0.25), "learned from both": (1.0, 1.0)}
    rows = [
        {**said, "recipe": recipe, "seed": seed, "accuracy": value, "gap_closed": closed}
        for recipe, (value, closed) in accuracy.items()
        for seed in (0, 1)
    ]
    table = TABLES["across"](kept(across=rows))
    assert table[0] == ["model", "recipe", "gender HNM->FASHION"]
    assert [row[2] for row in table[1:]] == ["0.600", "0.500 (-25%)", "1.000"]
    row = {"shift": "aspect", "unit": "width / height", "HNM": 2 / 3, "FASHION": 0.75}
    table = TABLES["source_shift"](kept(source_shift=[{**row, "between": None}]))
    assert table[1] == ["aspect", "width / height", "0.667", "0.75", "–"]


def test_retrieval_stands_beside_chance():
    figures = {"text_to_image@10": 0.5, "image_to_text@1": 0.1, "image_to_text@10": 0.4}
    row = {**CONDITIONS, **figures, "text_to_image@1": 0.2, "n_test": 2070, "among": 1000}
    row |= {"type_precision@1": 0.3, "zero_shot_category": 0.6, "products": "mixed"}
    table = TABLES["retrieval"](kept(retrieval=[{**row, "model": "Chance"}]))
    assert table[1][:4] == ["mixed", "Chance", "2,070", "1,000"]
    assert table[1][4:] == ["0.200", "0.500", "0.100", "0.400", "0.300", "0.600"]
