"""The pipeline at 1 and 4 times a drawn catalogue: seconds, memory and growth of each stage.

Each stage runs as a process of its own, as from the shell. Stage 1 asks the LLM about 2 texts only
(bench.llm measures it), and the boosted classifiers run for one model.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.harness import Figures, Options, growth

SIZE, TIMES = 600, (1, 4)
STAGES = {
    "Use_LLM_for_preprocess.py": ["--llm-limit", "2"],
    "clustering_DEC.py": [],
    "Classification_ML.py": ["--models", "LogisticRegression", "LightGBM"],
    "Classification_with_CLIP.py": [],
    "regression_ML.py": ["--experiment", "metadata", "--features", "listing"],
    "regression_DL_SOTA.py": ["--experiment", "metadata", "--features", "listing"],
}


def timed(*arguments: str) -> tuple[float, int]:
    """Wall seconds and peak MB of a Python process; its output is shown when it fails."""
    started = time.perf_counter()
    command = [sys.executable, *arguments]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{output.read().decode()[-2000:]}")
    return time.perf_counter() - started, usage.ru_maxrss // 1024


def measure(options: Options) -> Figures:
    sizes = [options.size * times for times in TIMES]
    runs: dict[str, list[tuple[float, int]]] = {stage: [] for stage in STAGES}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            data = str(Path(folder) / str(size))
            timed("-m", "sample", "--out", f"{data}/raw", "--products", str(size))
            for stage, flags in STAGES.items():
                runs[stage].append(timed(stage, "--data-dir", data, *flags))
    for stage, measured in runs.items():
        seconds, peaks = ([run[i] for run in measured] for i in (0, 1))
        exponent = growth(sizes, seconds)
        summary = (
            f"{stage} at {', '.join(f'{size:,}' for size in sizes)} products: "
            f"{', '.join(f'{second:.1f}' for second in seconds)} s; growth exponent "
            f"{exponent:.2f}; {max(peaks)} MB at most"
        )
        figures = {"stage": stage, "products": sizes, "seconds": seconds, "peak_mb": peaks}
        yield summary, {**figures, "exponent": exponent}
