"""The data set view: experiments train and test where they say, labels follow the taxonomy."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from common import dataset
from common.artifacts import StageError
from common.embed.__main__ import main


@pytest.fixture
def table():
    splits = ["train", "validation", "test"] * 4
    return pd.DataFrame(
        {
            "dataset_source": ["HNM"] * 6 + ["FASHION"] * 6,
            "split": splits,
            "normalized_gender": ["Men", "Girls"] * 6,
        }
    )


def test_sides_of_each_experiment(table):
    train, validation, test = dataset.sides(table, "HNM->FASHION")
    assert train.tolist() == [0, 3] and validation.tolist() == [1, 4] and test.tolist() == [8, 11]
    mixed = dataset.sides(table, "mixed")
    assert sorted(np.concatenate(mixed)) == list(range(12))
    assert set(test) <= set(mixed[2])  # every experiment is scored on the same products


def test_sides_without_rows_say_so(table):
    with pytest.raises(StageError, match="no test rows"):
        dataset.sides(table[table["split"] != "test"], "mixed")


def test_labels_follow_the_taxonomy_and_refuse_strangers(table):
    codes, classes = dataset.labels(table, "gender")
    assert [classes[code] for code in codes] == table["normalized_gender"].tolist()
    table.loc[3, "normalized_gender"] = "Aliens"
    with pytest.raises(StageError, match="Aliens"):
        dataset.labels(table, "gender")


def test_embeddings_are_made_by_a_command_of_their_own(tmp_path, monkeypatch, capsys, caplog):
    image = np.ones((5, 8), np.float32)
    image[3] = np.nan  # a picture that cannot be decoded
    calls = []

    def ensure(run, table, force):
        calls.append((run, len(table), force))
        for path in (run.paths.img_emb, run.paths.wrd_emb):
            np.save(path, image)
            path.with_name(path.name + ".meta.json").write_text('{"settings": {}}')
        return run.paths.img_emb, run.paths.wrd_emb

    (tmp_path / "dataset_with_llm.csv").write_text("product_key\n" + "\n".join("abcde") + "\n")
    monkeypatch.setattr(dataset.embeddings, "ensure", ensure)
    flags = ["--data-dir", str(tmp_path), "--clip", "mine", "--limit", "2", "--force", "--verbose"]
    monkeypatch.setattr("sys.argv", ["common.embed", *flags])
    main()
    ((run, rows, force),) = calls
    assert (run.clip, rows, force) == ("mine", 5, True)
    assert "1 products set aside: their image cannot be decoded" in caplog.messages
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("4 products embedded in 8 dimensions")
    loaded = dataset.load(replace(run, limit=2))
    assert len(loaded.table) == len(loaded.image) == 2 and not calls[-1][-1]
