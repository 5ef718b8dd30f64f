"""What the tests share: a small drawn catalogue, and the real data where it lies."""

import os
import shutil
from pathlib import Path

import pytest
from planted import planted_products
from shell import ROOT

# Nothing may be fetched while testing; a model that wants the hub must say so instead.
os.environ["HF_HUB_OFFLINE"] = "1"
# Threads that wait for each other must not burn the cores that other processes want.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if "PYTEST_XDIST_WORKER" in os.environ:  # the cores are shared by the workers (pytest -n)
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the `fixture` and `study` cuts of the real downloads, beside the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs cuts of the two Kaggle downloads in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def sample_raw(tmp_path_factory) -> Path:
    """Raw folder of a drawn catalogue of 120 products, both layouts. Read only: copy to change."""
    from sample.catalogue import write

    raw = tmp_path_factory.mktemp("sample") / "raw"
    write(raw, 120, 0)
    return raw


@pytest.fixture(scope="session")
def sample_table(sample_raw, tmp_path_factory):
    """The product table of the drawn catalogue and its account. Read only: copy to change."""
    from common.artifacts import Paths
    from common.merge.table import merge_sources

    return merge_sources(Paths(tmp_path_factory.mktemp("merged"), sample_raw))


@pytest.fixture
def raw(sample_raw, tmp_path) -> Path:
    """The drawn catalogue's raw folder, a copy to spoil."""
    return shutil.copytree(sample_raw, tmp_path / "raw")


@pytest.fixture(scope="session")
def smollm2():
    """The packaged SmolLM2-135M-Instruct in llama.cpp."""
    from attributes import llm
    from common import presets

    return llm.LlamaCpp(Path(presets.llm_source("embedded")), parallel=2)


@pytest.fixture(scope="session")
def planted():
    """Products whose photo tells the category and whose text tells gender and usage."""
    return planted_products()
