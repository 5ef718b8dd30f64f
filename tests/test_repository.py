"""Rules that hold for every file: what is imported, what is pinned, what must not be in it."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from shell import ROOT, STAGES

PACKAGES = ("attributes", "common", "experiments", "pricing", "reports", "sample")
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
SCRIPTS = [ROOT / name for name in (*STAGES, "app.py")]
TESTS = sorted((ROOT / "tests").glob("*.py"))
BENCHES = sorted((ROOT / "bench").glob("*.py"))
TOOLS = {"pytest", "pytest-xdist", "ruff"}
REQUIREMENTS = ("requirements.txt", "requirements-nodeps.txt")


def imported(path: Path) -> set[str]:
    """Absolute module names that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_common_imports_no_stage_and_no_stage_imports_a_stage():
    stages = {Path(name).stem for name in STAGES}
    for path in [*MODULES, *SCRIPTS]:
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & (stages - {path.stem}), path.name


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: path.name)
def test_nothing_is_unpickled(path):
    assert not imported(path) & {"pickle", "joblib", "dill", "shelve"}
    text = path.read_text("utf-8")
    assert "torch.save(" not in text
    assert "allow_pickle=True" not in text
    assert text.count("torch.load(") == text.count("weights_only=True")


def test_every_import_is_pinned_and_every_pin_is_imported():
    of_module = importlib.metadata.packages_distributions()
    files = [*MODULES, *SCRIPTS, *TESTS, *BENCHES]
    roots = {name.split(".")[0] for path in files for name in imported(path)}
    roots -= {*PACKAGES, "bench", *sys.stdlib_module_names, *(path.stem for path in files)}
    used = {
        re.sub(r"[-_.]+", "-", package).lower()
        for root in roots
        for package in of_module.get(root, [root])
    }
    direct, without_dependencies = (pins(ROOT / file) for file in REQUIREMENTS)
    assert {"gradio", "xgboost"} <= used
    assert used - TOOLS - set(without_dependencies) == set(direct) - TOOLS


def test_what_is_installed_is_what_is_pinned():
    direct, without_dependencies = (pins(ROOT / file) for file in REQUIREMENTS)
    constraints = pins(ROOT / "constraints.txt")
    assert direct.items() <= constraints.items()
    for name, version in {**constraints, **without_dependencies}.items():
        try:
            installed = importlib.metadata.version(name).split("+")[0]  # 2.14.1+cpu is 2.14.1
            assert installed == version, name
        except importlib.metadata.PackageNotFoundError:
            # Wheels of another platform; a direct requirement is never among them.
            assert name not in {*direct, *without_dependencies}, name


def test_no_file_holds_a_place_of_the_machine_it_was_written_on():
    texts = [*MODULES, *SCRIPTS, *TESTS, *ROOT.glob("*.md"), *ROOT.glob("*.txt")]
    texts += [*(ROOT / "data" / "results").rglob("*.*"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    for path in texts:
        if path != Path(__file__).resolve():
            text = path.read_text("utf-8")
            assert not re.search(r"(?<![\w.$~])/(home|work|root|Users)/\w", text), path


@pytest.mark.parametrize("path", [m for m in MODULES if m.name != "__init__.py"], ids=str)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
