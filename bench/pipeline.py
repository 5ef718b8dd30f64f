"""The pipeline at 1, 2, 4 and 8 times a drawn catalogue: seconds, memory and growth of each stage.

    python -m bench.pipeline                    600 (the demo's size) to 4,800 products
    python -m bench.pipeline --products 120     120 to 960, a third of the time

Each stage runs as a process of its own, as from the shell. Stage 1 asks the LLM about 2
texts only (bench.llm measures it), and the boosted classifiers run for one model. The exponent is
that of log seconds over log products by least squares, with what a stage costs before its first
row (``--help`` and imports) told apart and taken off; 1 is linear. At the largest size each stage
is run a second time, with nothing changed (warm).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES, PRODUCTS = (1, 2, 4, 8), 600
STAGES = {
    "Use_LLM_for_preprocess.py": ["--llm-limit", "2"],
    "clustering_DEC.py": [],
    "Classification_ML.py": ["--models", "LogisticRegression", "LightGBM"],
    "Classification_with_CLIP.py": [],
    "regression_ML.py": ["--experiment", "metadata", "--features", "listing"],
    "regression_DL_SOTA.py": ["--experiment", "metadata", "--features", "listing"],
}
# What each stage imports before it can begin. What only a later part of it needs is imported there:
# torch by DEC, scikit-learn by the scores of the networks, matplotlib by figures.
IMPORTS = {
    "Use_LLM_for_preprocess.py": "attributes.reader, common.merge.table",
    "clustering_DEC.py": "common.clusters.methods, common.dataset",
    "Classification_ML.py": "common.labels.protocol, common.dataset, lightgbm",
    "Classification_with_CLIP.py": "common.labels.clip_fusion, common.labels.multitask",
    "regression_ML.py": "common.figures, common.prices.features, lightgbm, xgboost",
    "regression_DL_SOTA.py": "common.prices.conformal, common.prices.recipes",
}


def timed(*arguments: str) -> tuple[float, int]:
    """Wall seconds and peak MB of a Python process; its own words are shown when it fails."""
    started = time.perf_counter()
    command = [sys.executable, *arguments]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{said.read().decode()[-2000:]}")
    return time.perf_counter() - started, usage.ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--products", type=int, default=PRODUCTS, help=f"at 1x ({PRODUCTS})")
    parser.add_argument("--times", type=int, nargs="+", default=TIMES, help="sizes (1 2 4 8)")
    args = parser.parse_args()
    if len(set(args.times)) < 2:
        parser.error("growth takes two sizes at least")

    from bench.measure import say, slope

    sizes = [args.products * times for times in args.times]
    runs: dict[str, list[tuple[float, int]]] = {stage: [] for stage in STAGES}
    warm = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            data = str(Path(folder) / str(size))
            timed("-m", "sample", "--out", f"{data}/raw", "--products", str(size))
            for stage, options in STAGES.items():
                runs[stage].append(timed(stage, "--data-dir", data, *options))
        for stage, options in STAGES.items():
            warm[stage] = timed(stage, "--data-dir", data, *options)[0]
    for stage, found in runs.items():
        shown = min(timed(stage, "--help")[0] for _ in range(3))
        imports = min(timed("-c", f"import {IMPORTS[stage]}")[0] for _ in range(3))
        seconds = [one[0] for one in found]
        growth = slope(sizes, [max(one - imports, 0.1) for one in seconds])
        say(
            "pipeline",
            f"{stage} at {', '.join(f'{size:,}' for size in sizes)} products: "
            f"{', '.join(f'{one:.1f}' for one in seconds)} s; growth exponent {growth:.2f}; "
            f"{found[-1][1]} MB at most; --help {shown:.2f} s, imports {imports:.1f} s, "
            f"run again with nothing changed {warm[stage]:.2f} s",
            stage=stage,
            products=sizes,
            seconds=seconds,
            peak_mb=[one[1] for one in found],
            exponent=growth,
            help_s=shown,
            imports_s=imports,
            warm_s=warm[stage],
        )


if __name__ == "__main__":
    main()
