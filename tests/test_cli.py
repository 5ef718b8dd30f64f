"""Every stage from the shell: its help, its flags, its one line when something is missing."""

import platform
import subprocess
import sys
from pathlib import Path
from unittest.mock import ANY

import pytest
from shell import ROOT, STAGES, run_here, run_stage

from common import cli, presets
from common.artifacts import RunConfig, StageError
from common.training import torch_device

HEAVY = "torch gradio pandas sklearn transformers open_clip timm matplotlib duckdb numpy".split()
COMMON = (
    "--data-dir --raw-dir --preset --limit --seed --device --split --force --figures --verbose"
).split()


@pytest.mark.parametrize("script", (*STAGES, "app.py"))
def test_help_answers_without_loading_anything_heavy(script):
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{script!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({script!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        f"print('LOADED', [name for name in {HEAVY} if name in sys.modules])\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("LOADED []\n")
    for flag in COMMON:
        assert flag in done.stdout
    for said in ("Reads", "Writes", f"python {script}"):
        assert said in done.stdout


@pytest.mark.parametrize("script", STAGES)
def test_a_missing_input_is_one_line_that_says_what_to_do(script, tmp_path):
    done = run_here(script, "--data-dir", tmp_path / "data")
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert ("listings" if script == STAGES[0] else f"python {STAGES[0]}") in lines[0]
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.parametrize(
    "flags", [["--limit", "0"], ["--preset", "huge"], ["--seed", "x"], ["--no-such-flag"]]
)
def test_a_bad_flag_is_refused(flags):
    done = run_stage(STAGES[-1], *flags)
    assert done.returncode == 2
    assert flags[0] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told so")
def test_freed_memory_is_used_again_without_a_page_fault():
    code = (
        "import resource\n"
        "from common import cli\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "cli.run(lambda: None)\n"
        "bytearray(2**27)\n"
        "before = faults()\n"
        "bytearray(2**27)\n"
        "print(faults() - before)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000  # of the 32,768 pages


def test_paths_follow_the_flags():
    args = cli.parse(cli.parser(None), ["--data-dir", "d"])
    assert args.paths.raw == Path("d/raw")
    assert args.paths.merged == Path("d/merged_dataset.csv")
    args = cli.parse(cli.parser(None), ["--data-dir", "d", "--raw-dir", "r"])
    assert args.paths.fashion_raw == Path("r/fashion-dataset")


def test_the_flags_become_a_typed_value():
    parser = cli.parser(None)
    presets.add_arguments(parser, "clip")
    assert cli.run_config(cli.parse(parser, [])) == RunConfig(ANY)
    flags = "--limit 5 --seed 1 2 --split random --force --figures all --clip mine".split()
    run = cli.run_config(cli.parse(parser, [*flags, "--data-dir", "d"]))
    assert run.paths.data == Path("d")
    assert (run.limit, run.seed, run.split, run.force) == (5, (1, 2), "random", True)
    assert (run.all_figures, run.clip, run.cnn) == (True, "mine", None)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (StageError("no such thing; do that"), 2, "error: no such thing; do that\n"),
        (KeyboardInterrupt(), 130, "interrupted; the same command goes on from here\n"),
    ],
)
def test_how_a_stage_ends(error, code, line, capsys):
    def main():
        raise error

    with pytest.raises(SystemExit) as end:
        cli.run(main)
    assert end.value.code == code
    assert capsys.readouterr().err == line


def test_a_bug_stays_a_traceback():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run(main)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    args = cli.parse(cli.parser(None), ["--device", "cuda"])
    with pytest.raises(StageError, match="no GPU"):
        torch_device(args.device)
    args.device = "auto"
    assert torch_device(args.device).type == "cpu"
