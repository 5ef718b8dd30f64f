"""README and docs hold what the kept results say; a run is kept; its report is one page."""

import json
import re
import shlex
import shutil
import struct

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from shell import ROOT, STAGES

from common.artifacts import Paths, StageError
from pricing.predictor import Label, PriceEstimate
from reports import html, write
from reports.runs import adopt, read_run

READMES = (ROOT / "README.md", ROOT / "README.ko.md")
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def finished(tmp_path):
    """A data folder as a run leaves it, with small made-up results."""
    data = tmp_path / "kaggle14k"
    (data / "results").mkdir(parents=True)
    rows = [
        {
            "experiment": "metadata + embedding",
            "features": "study",
            "model": model,
            "split": "grouped",
            "text": "clean",
            "seed": seed,
            "n_train": 80,
            "n_test": 20,
            "r2": r2,
        }
        for model, r2 in (("Median by source", 0.1), (HOSTILE, 0.6), ("LightGBM", 0.7))
        for seed in (0, 1, 2)
    ]
    pd.DataFrame(rows).to_csv(data / "results" / "regression_ML.csv", index=False)
    manifest = {
        "preset": "embedded",
        "hardware": "2 CPU cores, 4 GB",
        "seconds": 61.5,
        "peak_memory_mb": 900,
        "seed": [0, 1, 2],
        "inputs": {"table": "ab" * 32},
        "settings": {"cnn": "/opt/weights/x.pth"},
    }
    for name, command in (
        ("results/regression_ML.csv", "python regression_ML.py --raw-dir /srv/kaggle/down"),
        ("img_emb.npy", "python clustering_DEC.py --raw-dir=../elsewhere/kaggle/"),
    ):
        text = json.dumps({**manifest, "command": command})
        (data / f"{name}.meta.json").write_text(text)
    return data


# --- README and docs -----------------------------------------------------------------------------


def test_every_generated_text_holds_what_the_kept_results_say():
    for path, text in write.written().items():
        assert path.read_text("utf-8") == text, f"{path.name}; write it with: python -m reports"


def test_only_the_marked_part_of_a_file_changes(finished, tmp_path):
    adopt(finished, tmp_path / "kept" / "kaggle14k")
    runs = write.Runs(tmp_path / "kept")
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- table: kaggle14k prices -->\nold\n<!-- end -->\nafter\n")
    once = write.rewritten(path, "en", runs)
    assert once.startswith("before\n<!-- table: kaggle14k prices -->\n| experiment")
    assert once.endswith("<!-- end -->\nafter\n")
    assert "old" not in once
    for fact in ("kaggle14k", "embedded", "80", "20", "0, 1, 2", "grouped", "2 CPU cores, 4 GB"):
        assert fact in once
    assert "`data/results/kaggle14k/` `regression_ML.csv`" in once
    path.write_text(once)
    assert write.rewritten(path, "en", runs) == once


def test_a_page_leaves_out_what_was_not_run_and_calls_a_drawn_catalogue_synthetic(
    finished, tmp_path
):
    adopt(finished, tmp_path / "kept" / "sample")
    (tmp_path / "kept" / "sample" / "ceiling.json").write_text('{"r2": 0.9}')
    runs = write.Runs(tmp_path / "kept")
    text = write.page("sample", runs)
    assert text.count("\n## ") == 1
    assert "Synthetic" in text
    assert "합성" in write.markdown(runs["sample"], "price_models", "ko")
    assert "| 특성" in write.markdown(runs["sample"], "price_models", "ko")
    assert "\n## " not in write.page("clusters", runs)


def test_the_tree_of_the_readme_names_what_is_there():
    for path in READMES:
        tree = re.search(r"```\n(Use_LLM_for_preprocess\.py .*?)```", path.read_text("utf-8"), re.S)
        folder, names = "", set()
        for line in tree[1].splitlines():
            if line:
                name = line.split()[0]
                folder = "" if line[0] != " " else folder
                assert (ROOT / folder / name).exists(), line
                names.add(f"{folder}{name}".rstrip("/"))
                folder = name if line[0] != " " and name.endswith("/") else folder
        files = [*ROOT.glob("*.py"), *(ROOT / "common").iterdir()]
        files += [each.parent for each in ROOT.glob("*/__init__.py")]
        missing = {str(each.relative_to(ROOT)) for each in files if each.name[:2] != "__"} - names
        assert not missing


@pytest.mark.parametrize(
    ("name", "kilobytes"),
    [("README.md", 16), ("MODEL_CARD.md", 8), ("DATA_CARD.md", 11), ("docs/USING.md", 12)],
)
def test_what_a_person_reads_first_stays_short(name, kilobytes):
    assert (ROOT / name).stat().st_size <= 1024 * kilobytes


def test_both_readmes_show_the_same_tables_commands_and_links():
    english, korean = (path.read_text("utf-8") for path in READMES)
    for pattern in (r"<!-- table: .* -->", r"^python .*|^make \w+", r"\]\((?!README)[^)]+\)"):
        places = [re.findall(pattern, text, re.MULTILINE) for text in (english, korean)]
        assert places[0] == places[1] != []
    headings = [len(re.findall(r"^#+ ", text, re.MULTILINE)) for text in (english, korean)]
    assert headings[0] == headings[1]


def test_links_and_pictures_of_the_texts_exist_and_are_small():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "data" / "README.md"]:
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
            if not target.startswith("http"):
                place = path.parent / target.partition("#")[0]
                assert place.exists(), f"{path.name}: {target}"
    for picture in (ROOT / "docs").glob("*.png"):
        assert picture.stat().st_size < 300_000


def test_code_blocks_of_the_readmes_are_commands_that_exist():
    scripts = set()
    for path in READMES:
        for block in re.findall(r"```bash\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            for line in block.strip().splitlines():
                words = shlex.split(line, comments=True)
                assert words[0] in {"make", "source", "python"}, line
                if words[:2] == ["python", "-m"]:
                    module = ROOT / words[2].replace(".", "/")
                    assert module.with_suffix(".py").exists() or module.is_dir(), line
                elif words[0] == "python":
                    scripts.add(words[1])
                    assert (ROOT / words[1]).exists(), line
                if words[0] == "make":
                    makefile = (ROOT / "Makefile").read_text()
                    assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line
    assert {*STAGES, "predict_price.py"} <= scripts


# --- what is kept of a run -----------------------------------------------------------------------


def test_a_run_is_kept_without_its_places_and_hashes(finished, tmp_path):
    target = tmp_path / "kept" / "kaggle14k"
    adopt(finished, target)
    (target / "stale.csv").write_text("r2\n1\n")
    adopt(finished, target)
    assert not (target / "stale.csv").exists()
    text = "".join(path.read_text() for path in target.glob("*.meta.json"))
    assert "inputs" not in text
    assert not re.search(r"/srv|/opt|\.\./", text)
    for expected in ("--raw-dir down", "--raw-dir=kaggle", "x.pth", "2 CPU cores, 4 GB"):
        assert expected in text


def test_what_a_drawn_catalogue_can_reach_at_best_is_kept(finished, sample_raw, tmp_path):
    truth = pd.read_csv(sample_raw / "truth.csv", dtype=str).set_index("product_key")
    keys = truth.index[truth["case"].isna()]
    table = pd.DataFrame({"product_key": keys, "price_usd": truth["observed_usd"][keys].to_numpy()})
    table["split"] = np.where(np.arange(len(table)) % 2, "test", "train")
    table.to_csv(finished / "merged_dataset.csv", index=False)
    shutil.copytree(sample_raw, finished / "raw")
    adopt(finished, tmp_path / "kept")
    assert 0.5 < read_run(tmp_path / "kept").ceiling["r2"] < 1
    prices = pd.read_csv(finished / "results" / "regression_ML.csv")
    prices.assign(r2=0.999).to_csv(finished / "results" / "regression_ML.csv", index=False)
    with pytest.raises(StageError, match="the price leaks into the features: Median by source"):
        html.write_report(Paths(finished))
    assert not (finished / "report.html").exists()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(StageError, match="holds no results"):
        adopt(tmp_path, tmp_path / "kept")


def test_what_the_benches_said_is_kept_as_they_said_it(tmp_path):
    (tmp_path / "bench").mkdir()
    line = {"bench": "merge", "summary": "twice as fast", "hardware": "2 CPU cores", "ratio": 2.0}
    (tmp_path / "bench" / "merge.jsonl").write_text(json.dumps(line) + "\n")
    text = write.page("speed", write.Runs(tmp_path))
    assert "| merge | twice as fast | 2 CPU cores |" in text


# --- report.html ---------------------------------------------------------------------------------


def test_the_report_is_one_page_that_asks_for_nothing_and_escapes_what_it_shows(finished):
    figures = finished / "figures" / "regression_DL_SOTA"
    figures.mkdir(parents=True)
    Image.new("RGB", (3000, 2000), "red").save(figures / "metadata_listing_parity.png")
    (figures / "metadata_listing_ranges.png").write_bytes(b"no picture")
    path = html.write_report(Paths(finished))
    assert path == finished / "report.html"
    text = path.read_text("utf-8")
    assert len(text.encode()) < html.LARGEST
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in text
    assert 'name="viewport"' in text
    # Pictures are inside; links lead to files beside the page.
    sources = re.findall(r'src="([^"]+)"', text)
    assert len(sources) == 1
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert not re.search(r"https?://|@import|url\(", text)
    for target in re.findall(r'href="([^"]+)"', text):
        assert (finished / target).exists()
    assert '<tr class="best"><td class="">study</td><td class="">LightGBM</td>' in text
    assert '<tr class="baseline"><td class="">study</td><td class="">Median by source' in text
    assert "Left out" in text  # no models, so no priced examples


def test_priced_examples_pass_over_broken_pictures_and_say_why_there_is_no_price(
    finished, monkeypatch
):
    raw = finished / "raw"
    raw.mkdir()
    names = [f"{number}.jpg" for number in range(10)]
    for name in names:
        Image.new("RGB", (60, 80), "red").save(raw / name)
    for broken in (1, 4):
        (raw / names[broken]).write_bytes(b"no picture")
    table = {"product_key": names, "title": HOSTILE, "image_path": names, "price_usd": range(1, 11)}
    table = pd.DataFrame(table | {"split": "test"})
    table.loc[9, "split"] = "train"
    table.to_csv(finished / "dataset_with_llm.csv", index=False)

    class Predictor:
        def predict(self, listings):
            assert [listing.image.name for listing in listings] == ["2.jpg", "6.jpg", "8.jpg"]
            label = {"category": Label("Shoes", 0.9)}
            priced = PriceEstimate(20.0, 12.5, 40.25, labels=label)
            return [PriceEstimate(refusal="no_garment"), priced, priced]

    monkeypatch.setattr(html, "EXAMPLES", 4)
    monkeypatch.setattr(html.PricePredictor, "load", lambda run: Predictor())
    cards = html.priced_examples(Paths(finished), read_run(finished / "results"))
    assert cards.count('<div class="card">') == 3
    assert "no price: " in cards
    assert "20.00 USD" in cards
    assert "12.50 to 40.25" in cards
    assert "listed at 7.00 USD; Shoes" in cards
    assert "<script" not in cards


def test_pictures_are_scaled_down_and_a_broken_one_is_left_out(tmp_path):
    path = tmp_path / "large.png"
    Image.new("RGB", (3000, 2000), "red").save(path)
    encoded = html.data_uri(path, 600).partition("base64,")[2]
    header = html.base64.b64decode(encoded)
    assert header[8:12] == b"WEBP"
    width = struct.unpack("<H", header[26:28])[0] & 0x3FFF
    assert width == 600
    path.write_bytes(b"no picture")
    assert html.data_uri(path, 600) is None
