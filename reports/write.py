"""The tables as Markdown: the pages of docs/results/, and what stands between README markers."""

import re
from pathlib import Path

from common.artifacts import atomic
from reports.runs import RunResults, read_run
from reports.tables import PAGES, RUNS, STAGES, TABLES, Rows, Table

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "data" / "results"
DOCS = ROOT / "docs"
# What holds `<!-- table: RUN TABLE -->` and `<!-- end -->`, and in which language.
MARKED = {
    ROOT / "README.md": "en",
    ROOT / "README.ko.md": "ko",
    ROOT / "MODEL_CARD.md": "en",
    ROOT / "DATA_CARD.md": "en",
}
MARKER = re.compile(r"(<!-- table: (\S+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
GENERATED = "<!-- Written by `python -m reports` from data/results/; do not edit. -->"

# Of the tables of the README alone; all else is in English.
KOREAN = {
    "figure": "지표",
    "published": "연구 발표치",
    "here": "이 저장소",
    "here, by the study's criterion": "이 저장소, 연구의 판정 기준",
    "baseline here": "기준선",
    "features": "특성",
    "model": "모델",
    "R² H&M": "R² H&M",
    "MAE (USD)": "평균 절대 오차 (USD)",
    "median error": "중앙값 오차",
    "fit (s)": "학습 (초)",
    "data": "데이터",
    "preset": "프리셋",
    "training rows": "학습 행",
    "test rows": "테스트 행",
    "split": "분할",
    "text": "텍스트",
    "seeds": "시드",
    "limit": "제한",
    "hardware": "하드웨어",
}
ORIGIN = {
    "en": "From {files}; command: {commands}; code: {code}.",
    "ko": "결과 파일: {files}; 명령: {commands}; 코드: {code}.",
}
SYNTHETIC = {
    "en": " Synthetic, drawn products: a check of the pipeline, no claim about real prices.",
    "ko": " 그려서 만든 합성 상품이므로 파이프라인 점검용이며 실제 가격에 대한 주장이 아닙니다.",
}


def grid(rows: Rows) -> str:
    """Rows of cells as a Markdown table; the first row is the heading."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def markdown(run: RunResults, name: str, language: str = "en") -> str:
    """A table, what it was computed from and by what; empty where its results are not there."""
    table = TABLES[name]
    rows = table.rows(run)
    if not rows:
        return ""
    if language == "ko":
        rows[0] = [KOREAN.get(title, title) for title in rows[0]]
    return f"{grid(rows)}\n\n{caption(run, table, language)}\n{_origin(run, table, language)}\n"


def caption(run: RunResults, table: Table, language: str = "en") -> str:
    """What a table was computed from: data, preset, rows, seeds, hardware."""
    frame = table.frame(run)
    names = [f"{name}.csv" for name in table.files] or sum(STAGES.values(), [])
    manifests = [run.manifests[name] for name in names if name in run.manifests]
    facts = {
        "data": [run.name],
        "preset": [manifest["preset"] for manifest in manifests],
        "training rows": _span(frame, "n_train"),
        "test rows": _span(frame, "n_test"),
        "split": frame.get("split", []),
        "text": frame.get("text", []),
        "seeds": sorted(set(frame["seed"].dropna().astype(int))) if "seed" in frame else [],
        "limit": [manifest["limit"] for manifest in manifests if manifest.get("limit")],
        "hardware": [manifest["hardware"] for manifest in manifests],
    }
    words = KOREAN if language == "ko" else {}
    parts = (
        f"{words.get(name, name)}: {', '.join(dict.fromkeys(map(str, values)))}"
        for name, values in facts.items()
        if len(values)
    )
    return "; ".join(parts) + "." + (SYNTHETIC[language] if run.synthetic else "")


def _span(frame, column: str) -> list[str]:
    """Least and most of a column; models and experiments may use different rows."""
    if column not in frame:
        return []
    least, most = int(frame[column].min()), int(frame[column].max())
    return [f"{most:,}" if least == most else f"{least:,}–{most:,}"]


def _origin(run: RunResults, table: Table, language: str) -> str:
    files = ", ".join(f"`{name}.csv`" for name in table.files if name in run.frames)
    commands = [
        f"`{part}`" if part.startswith(("python", "make")) else part
        for part in re.split(r";\s", table.command.strip())
    ]
    return ORIGIN[language].format(
        files=f"`data/results/{run.name}/` {files}".rstrip(),
        commands=", ".join(commands),
        code=", ".join(f"`{part}`" for part in table.code.split(", ")),
    )


class Runs(dict):
    """The runs below a folder by name, each read when it is first asked for."""

    def __init__(self, folder: Path = KEPT):
        super().__init__()
        self.folder = folder

    def __missing__(self, name: str) -> RunResults:
        self[name] = read_run(self.folder / name)
        return self[name]


def page(name: str, runs: Runs) -> str:
    """The text of docs/results/<name>.md."""
    description = PAGES[name]
    data = [RUNS[run] for run in dict.fromkeys(run for run, _ in description.tables) if run in RUNS]
    parts = [GENERATED, f"# {description.title}", description.opening, description.figure]
    parts.append("\n".join(f"- {line}" for line in data))
    for run, table in description.tables:
        text = markdown(runs[run], table)
        if text:
            several = sum(other == table for _, other in description.tables) > 1
            title = TABLES[table].title + (f": {run}" if several else "")
            parts += [f"## {title}", TABLES[table].note, text]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def rewritten(path: Path, language: str, runs: Runs) -> str:
    """The text of a file with every marked table made anew."""

    def table(match: re.Match) -> str:
        begin, run, name, end = match.groups()
        return begin + markdown(runs[run], name, language) + end

    return MARKER.sub(table, path.read_text("utf-8"))


def written(runs: Runs | None = None) -> dict[Path, str]:
    """What docs/results/, both READMEs and both cards should hold."""
    runs = Runs() if runs is None else runs
    texts = {path: rewritten(path, language, runs) for path, language in MARKED.items()}
    return texts | {DOCS / "results" / f"{name}.md": page(name, runs) for name in PAGES}


def write_all() -> int:
    """Writes docs/results/, both READMEs and both cards; returns how many files changed."""
    changed = 0
    for path, text in written().items():
        if not path.exists() or path.read_text("utf-8") != text:
            with atomic(path) as part:
                part.write_text(text, "utf-8")
            changed += 1
    return changed
