"""Runs the stage scripts as a person would, or in the process of the tests where that does."""

import contextlib
import io
import runpy
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGES = (
    "Use_LLM_for_preprocess.py",
    "clustering_DEC.py",
    "Classification_ML.py",
    "Classification_with_CNN.py",
    "Classification_with_CNN_multimodal.py",
    "Classification_with_CLIP.py",
    "regression_ML.py",
    "regression_DL_SOTA.py",
)


def run_stage(script: str, *arguments: object, timeout: float = 600, **options):
    """Runs a stage as a person would; returns the CompletedProcess with text output."""
    command = [sys.executable, script, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False, **options
    )


def run_here(script: str, *arguments: object) -> subprocess.CompletedProcess:
    """As `run_stage`, in this process, which has imported most of what a stage imports."""
    out, error, argv, code = io.StringIO(), io.StringIO(), sys.argv, 0
    sys.argv = [script, *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            runpy.run_path(str(ROOT / script), run_name="__main__")
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = argv
    return subprocess.CompletedProcess(script, code, out.getvalue(), error.getvalue())


def start_stage(script: str, *arguments: object, **options) -> subprocess.Popen:
    """Starts a stage in a process group of its own, to be interrupted or killed."""
    command = [sys.executable, script, *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs this in the background ignores Ctrl-C, and its children would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )
