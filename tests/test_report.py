"""The README holds what the kept results say, in both languages."""

import json
import re
import shlex
import shutil

import numpy as np
import pandas as pd
import pytest
from shell import STAGES

from common.artifacts import StageError
from reports import __main__ as report
from reports import markdown, tables

PRICE = {
    "experiment": "metadata + embedding",
    "features": "study",
    "split": "grouped",
    "text": "clean",
    "n_train": 80,
    "n_test": 20,
    "r2_hnm": 0.5,
    "r2_fashion": 0.5,
    "r2_log": 0.5,
    "mae": 3.0,
    "mdape": 0.25,
    "fit_seconds": 1.0,
}
LABEL = {
    "experiment": "mixed",
    "split": "grouped",
    "text": "clean",
    "n_train": 80,
    "n_test": 20,
    "f1_macro": 0.5,
}


@pytest.fixture
def finished(tmp_path):
    """A data folder as a run leaves it, with small made-up results."""
    data = tmp_path / "study"
    (data / "results").mkdir(parents=True)
    price = [
        {**PRICE, "model": model, "seed": seed, "r2": r2 + seed / 100}
        for model, r2 in (("Median by source", 0.1), ("LightGBM", 0.7))
        for seed in (0, 1, 2)
    ]
    price[0]["r2"] = price[1]["r2"] = price[2]["r2"] = 0.1  # a baseline does not depend on seeds
    label = [
        {**LABEL, "task": task, "model": model, "seed": 0, "accuracy": accuracy}
        for task in ("category", "usage")
        for model, accuracy in (("Majority", 0.4), ("CLIP Fusion", 0.8))
    ]
    pd.DataFrame(price).to_csv(data / "results" / "regression_ML.csv", index=False)
    pd.DataFrame(label).to_csv(data / "results" / "Classification_with_CLIP.csv", index=False)
    made = {
        "preset": "embedded",
        "hardware": "2 CPU cores, 4 GB",
        "seconds": 61.5,
        "peak_memory_mb": 900,
        "seed": [0, 1, 2],
        "inputs": {"table": "ab" * 32},
    }
    for name, command in (
        ("results/regression_ML.csv", "python regression_ML.py --raw-dir /srv/kaggle/down"),
        ("results/Classification_with_CLIP.csv", "python Classification_with_CLIP.py"),
        ("img_emb.npy", "python clustering_DEC.py --raw-dir=../elsewhere/kaggle/"),
    ):
        text = json.dumps({**made, "command": command, "settings": {"cnn": "/opt/weights/x.pth"}})
        (data / f"{name}.meta.json").write_text(text)
    return data


def cells(markdown, row):
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {row}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_both_readmes_hold_what_the_kept_results_say():
    for language, path in [*report.READMES.items(), ("en", report.BENCHES)]:
        assert path.read_text("utf-8") == report.rewrite(path, language), (
            f"{path.name} is not up to date; write it with: python -m reports"
        )


def test_the_cards_hold_what_the_kept_results_say():
    for path in report.CARDS:
        text = path.read_text("utf-8")
        assert text.startswith("---\nlicense: ")
        assert "<!-- table: study " in text
        assert text == report.rewrite(path, "en"), f"{path.name}: python -m reports"


def test_both_readmes_show_the_same_tables_commands_and_links():
    english, korean = (path.read_text("utf-8") for path in report.READMES.values())
    for pattern in (r"<!-- table: .* -->", r"^python .*|^make \w+", r"\]\((?!README)[^)]+\)"):
        found = [re.findall(pattern, text, re.MULTILINE) for text in (english, korean)]
        assert found[0] == found[1] != []
    headings = [len(re.findall(r"^#+ ", text, re.MULTILINE)) for text in (english, korean)]
    assert headings[0] == headings[1]


def test_links_and_pictures_of_the_readmes_exist_and_are_small():
    for path in [*report.READMES.values(), report.ROOT / "data" / "README.md"]:
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
    for picture in (report.ROOT / "docs").glob("*.png"):
        assert picture.stat().st_size < 300_000


def test_every_kept_run_has_its_baseline_rows():
    for folder in sorted(path for path in report.KEPT.glob("*/")):
        kept = tables.read(folder)
        for kind, baseline in tables.BASELINES.items():
            if kind in kept.tables:
                names = kept.tables[kind]["method" if kind == "clustering" else "model"]
                assert baseline in set(names), (folder.name, kind)


def test_mean_and_deviation_over_seeds(finished, tmp_path):
    report.adopt(finished, tmp_path / "kept" / "study")
    kept = tables.read(tmp_path / "kept" / "study")
    made = markdown.markdown(kept, "price")
    r2 = [0.70, 0.71, 0.72]
    row = next(line for line in made.splitlines() if "LightGBM" in line)
    assert f"{np.mean(r2):.3f} ± {np.std(r2, ddof=1):.3f}" in row
    baseline = next(line for line in made.splitlines() if "Median by source" in line)
    assert "0.100" in baseline
    assert "±" not in baseline
    caption = made.splitlines()[0]
    for fact in ("study", "embedded", "80", "20", "0, 1, 2", "grouped", "2 CPU cores, 4 GB"):
        assert fact in caption


def test_conditions_that_differ_get_a_column_and_the_baseline_stands_first(finished, tmp_path):
    path = finished / "results" / "regression_ML.csv"
    frame = pd.read_csv(path).iloc[::-1]
    frame["split"] = np.where(frame["seed"] == 0, "random", "grouped")
    frame.to_csv(path, index=False)
    report.adopt(finished, tmp_path / "kept" / "study")
    rows = tables.price(tables.read(tmp_path / "kept" / "study"))
    assert rows[0][:4] == ["experiment", "features", "model", "split"]
    assert [row[2:4] for row in rows[1:]] == [
        ["Median by source", "grouped"],
        ["Median by source", "random"],
        ["LightGBM", "grouped"],
        ["LightGBM", "random"],
    ]


def test_published_figures_stand_beside_ours_and_the_baseline(finished, tmp_path):
    report.adopt(finished, tmp_path / "kept" / "study")
    made = markdown.markdown(tables.read(tmp_path / "kept" / "study"), "published")
    assert cells(made, "LightGBM")[1:] == ["0.8364", "0.710 ± 0.010", "–", "0.100"]
    assert cells(made, "Advanced MLP")[1:] == ["0.8904", "–", "–", "0.100"]  # not run here
    assert cells(made, "CLIP Fusion")[1:] == ["0.91", "0.800", "–", "0.400"]
    assert cells(made, "CNN (image only)")[1] == "0.58"


def test_a_run_is_kept_without_its_places_and_hashes(finished, tmp_path):
    target = tmp_path / "kept" / "study"
    report.adopt(finished, target)
    (target / "stale.csv").write_text("r2\n1\n")
    report.adopt(finished, target)
    assert not (target / "stale.csv").exists()
    text = "".join(path.read_text() for path in target.glob("*.meta.json"))
    assert "inputs" not in text
    assert not re.search(r"/srv|/opt|\.\./", text)
    for expected in ("--raw-dir down", "--raw-dir=kaggle", "x.pth", "2 CPU cores, 4 GB"):
        assert expected in text


def test_time_and_memory_of_each_stage_with_the_embeddings_apart(finished, tmp_path):
    report.adopt(finished, tmp_path / "kept" / "study")
    made = markdown.markdown(tables.read(tmp_path / "kept" / "study"), "cost")
    assert cells(made, "embeddings")[1:] == ["62", "900"]
    assert cells(made, "4a `regression_ML.py`")[1:] == ["62", "900"]
    assert cells(made, "all")[1] == f"{3 * 61.5:,.0f}"


def test_the_account_of_raw_rows_and_of_who_read_what(finished, tmp_path):
    account = pd.DataFrame(
        [
            ("FASHION", "styles", "kept", 1234, ""),
            ("FASHION", "styles", "not wearable", 9, "Watches 4, Ring 2, Perfume 1, Toy 1, Lid 1"),
            ("FASHION", "llm", "brand by rules", 1000, ""),
            ("FASHION", "llm", "brand by nobody", 234, ""),
            ("both", "llm", "values dropped, not in the text", 7, ""),
        ],
        columns=["source", "table", "outcome", "rows", "detail"],
    )
    account.to_csv(finished / "results" / "Use_LLM_for_preprocess.csv", index=False)
    report.adopt(finished, tmp_path / "kept" / "study")
    kept = tables.read(tmp_path / "kept" / "study")
    rows = tables.summary(kept)
    assert rows[1] == ["FASHION", "styles", "kept", "1,234", ""]
    assert rows[2][-1] == "Watches 4, Ring 2, Perfume 1, Toy 1, ..."
    assert len(rows) == 3
    assert tables.attributes(kept)[1:] == [["FASHION", "brand", "1,000", "0", "234"]]


def test_a_drawn_catalogue_is_called_synthetic(finished, tmp_path):
    report.adopt(finished, tmp_path / "kept" / "sample")
    kept = tables.read(tmp_path / "kept" / "sample")
    assert "synthetic" in markdown.markdown(kept, "price")
    assert "합성" in markdown.markdown(kept, "price", "ko")
    assert "| 실험" in markdown.markdown(kept, "price", "ko")


def test_a_drawn_catalogue_stands_beside_the_best_that_can_be_reached(
    finished, sample_raw, tmp_path
):
    truth = pd.read_csv(sample_raw / "truth.csv", dtype=str).set_index("product_key")
    keys = truth.index[truth["case"].isna()]
    table = pd.DataFrame({"product_key": keys, "price_usd": truth["observed_usd"][keys].to_numpy()})
    table["split"] = np.where(np.arange(len(table)) % 2, "test", "train")
    table.to_csv(finished / "merged_dataset.csv", index=False)
    shutil.copytree(sample_raw, finished / "raw")
    report.adopt(finished, tmp_path / "kept" / "sample")
    kept = tables.read(tmp_path / "kept" / "sample")
    assert 0.5 < kept.ceiling["r2"] < 1
    assert f"{kept.ceiling['r2']:.3f}" in markdown.markdown(kept, "price").splitlines()[-1]
    assert tables.above_ceiling(kept) == []
    kept.tables["price"].loc[0, "r2"] = 0.999
    assert len(tables.above_ceiling(kept)) == 1


def test_the_kept_sample_run_stays_below_its_ceiling():
    kept = tables.read(report.KEPT / "sample")
    assert len(kept.tables["price"]) > 10
    assert 0.8 < kept.ceiling["r2"] < 1
    assert tables.above_ceiling(kept) == []


def test_a_table_that_was_not_run_says_so(tmp_path):
    kept = tables.read(tmp_path / "absent")
    for name in tables.TABLES:
        assert "Not run yet" in markdown.markdown(kept, name)


def test_only_the_marked_part_of_a_readme_changes(finished, tmp_path):
    report.adopt(finished, tmp_path / "kept" / "study")
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- table: study price -->\nold\n<!-- end -->\nafter\n")
    once = report.rewrite(readme, "en", tmp_path / "kept")
    assert once.startswith("before\n<!-- table: study price -->\ndata: study")
    assert once.endswith("<!-- end -->\nafter\n")
    assert "old" not in once
    readme.write_text(once)
    assert report.rewrite(readme, "en", tmp_path / "kept") == once


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(StageError, match="holds no results"):
        report.adopt(tmp_path, tmp_path / "kept")


def test_show_prints_the_tables_and_where_the_figures_lie(finished, capsys):
    (finished / "figures").mkdir()
    (finished / "figures" / "map.png").write_bytes(b"")
    report.show(finished)
    printed = capsys.readouterr().out
    assert "LightGBM" in printed
    assert f"1 figures in {finished / 'figures'}" in printed
    assert "Not run yet" in printed  # clustering


def test_code_blocks_of_the_readmes_are_commands_that_exist():
    known = {"make", "source", "python"}
    scripts = set()
    for path in report.READMES.values():
        for block in re.findall(r"```bash\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            for line in block.strip().splitlines():
                words = shlex.split(line, comments=True)
                assert words[0] in known, line
                if words[:2] == ["python", "-m"]:
                    assert (report.ROOT / f"{words[2].replace('.', '/')}.py").exists(), line
                elif words[0] == "python":
                    scripts.add(words[1])
                    assert (report.ROOT / words[1]).exists(), line
                if words[0] == "make":
                    makefile = (report.ROOT / "Makefile").read_text()
                    assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line
    assert {*STAGES, "predict_price.py"} <= scripts


def test_what_the_benches_said_is_kept_as_they_said_it(tmp_path):
    folder = tmp_path / "bench"
    folder.mkdir()
    assert "Not run yet" in markdown.markdown(tables.read(folder), "benches")
    line = {"bench": "merge", "said": "twice as fast", "hardware": "2 CPU cores", "ratio": 2.0}
    (folder / "merge.jsonl").write_text(json.dumps(line) + "\n")
    made = markdown.markdown(tables.read(folder), "benches")
    assert cells(made, "merge") == ["merge", "twice as fast", "2 CPU cores"]
