"""Runs the stage scripts as a person would."""

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
