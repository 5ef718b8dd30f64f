"""Artefacts: whole or absent, traceable to their inputs, resumable."""

import errno
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from common import artifacts, product_table
from common.artifacts import Paths, RunConfig, StageError


@pytest.fixture
def run(tmp_path):
    return RunConfig(Paths(tmp_path))


def test_atomic_leaves_the_old_file_when_the_block_fails(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), artifacts.atomic(path) as temporary:
        temporary.write_text("half of the n")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path):
    path = tmp_path / "emb.npy"
    refused = pytest.raises(StageError, match=r"cannot write .*emb\.npy: the disk is full")
    with refused, artifacts.atomic(path) as temporary:
        temporary.write_text("part")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_real_write_limit_stops_write_npy_cleanly(tmp_path):
    """The kernel's own refusal, through the writer that handles the largest files."""
    script = (
        "import resource, signal, sys, numpy as np\n"
        "from common.artifacts import StageError, write_npy\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n    write_npy(np.ones((1000, 1000), np.float32), sys.argv[1])\n"
        "except StageError as error:\n    print(error)\n"
    )
    path = tmp_path / "emb.npy"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert "size limit" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    script = (
        "import sys, time\nfrom common.artifacts import atomic\n"
        "with atomic(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n    print('writing', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"writing\n"
        os.kill(child.pid, signal.SIGKILL)
    assert path.read_text() == "old"
    artifacts.write_csv(pd.DataFrame({"a": [1]}), path)
    assert path.read_text() == "a\n1\n"
    assert list(tmp_path.iterdir()) == [path]  # what the killed writer left is gone, too


def test_write_npy_round_trip_is_memory_mappable(tmp_path):
    array = np.arange(10_000 * 3, dtype=np.float32).reshape(-1, 3)
    artifacts.write_npy(array, tmp_path / "a.npy")
    loaded = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert isinstance(loaded, np.memmap)
    np.testing.assert_array_equal(loaded, array)


def test_read_table_keeps_zeros_and_na_as_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("product_key,price_usd,usage_is_native,brand\n0108775,19.5,True,NA\n")
    table = product_table.read_table(path)
    assert table.iloc[0].to_dict() == {
        "product_key": "0108775",
        "price_usd": 19.5,
        "usage_is_native": True,
        "brand": "NA",
        "market": "retail",  # of a run that knew the catalogues only
    }
    with pytest.raises(StageError, match="no column colour"):
        product_table.read_table(path, ["product_key", "colour"])
    path.write_text("")
    with pytest.raises(StageError, match="is empty"):
        product_table.read_table(path)


def test_require_names_the_command(tmp_path):
    with pytest.raises(StageError, match=r"x\.csv is missing; make it with: python stage\.py"):
        artifacts.require(tmp_path / "x.csv", "python stage.py")


def test_manifest_tells_stale_from_current(tmp_path, run):
    source, made = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("1")
    made.write_text("2")
    artifacts.record(made, run, {"in": source}, settings={"k": (1, 2)})
    assert artifacts.is_current(made, {"in": source}, {"k": (1, 2)})
    assert not artifacts.is_current(made, {"in": source}, {"k": (1, 3)})
    artifacts.require_made_from(made, {"in": source}, "python stage.py")
    made.write_text("3")  # damaged after it was written
    assert not artifacts.is_current(made, {"in": source}, {"k": (1, 2)})
    source.write_text("4")
    with pytest.raises(StageError, match=r"not made from the present .*in\.csv"):
        artifacts.require_made_from(made, {"in": source}, "python stage.py")
