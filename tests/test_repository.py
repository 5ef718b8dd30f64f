"""Rules that hold for every file: what imports what, what is pinned, what must not be in it."""

import ast
import functools
import graphlib
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from shell import ROOT

# The doors: what a package may import besides itself. Nothing imports a stage or bench, and only
# itself imports experiments.
DOORS = {
    "common": set(),
    "attributes": {"common"},
    "resale": {"common"},
    "sample": {"common", "resale"},
    "pricing": {"common", "attributes", "resale"},
    "experiments": {"common", "attributes", "resale", "pricing", "sample"},
    "reports": {"common", "attributes", "resale", "pricing", "sample"},
    "bench": {"common", "attributes", "resale", "pricing", "sample"},
}
STAGE = {"common", "attributes", "resale", "pricing", "reports"}  # of reports the figures
PACKAGES = tuple(DOORS)
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
SCRIPTS = sorted(ROOT.glob("*.py"))
TESTS = sorted((ROOT / "tests").glob("*.py"))
TOOLS = {"pytest", "pytest-xdist", "ruff"}
REQUIREMENTS = ("requirements.txt", "requirements-nodeps.txt")


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Absolute names of the modules, and of the symbols in them, that a file imports anywhere."""
    names = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package):
    first_party = {*PACKAGES, *(path.stem for path in SCRIPTS)}
    for path in (ROOT / package).rglob("*.py"):
        roots = {name.split(".")[0] for name in imported(path)} & first_party
        assert roots <= {package, *DOORS[package]}, path.relative_to(ROOT)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_stage_imports_packages_and_no_stage(path):
    first_party = {*PACKAGES, *(script.stem for script in SCRIPTS)}
    assert {name.split(".")[0] for name in imported(path)} & first_party <= STAGE


def test_no_import_goes_in_a_circle():
    files = {module_name(path): path for path in [*MODULES, *SCRIPTS]}

    def room(name: str) -> str:
        """A package, or one of common's; what lies at common's root and what is run stand alone."""
        if name.endswith(".__main__"):
            return name
        return ".".join(name.split(".")[: 2 if name.startswith("common.") else 1])

    modules = {name: imported(path) & (files.keys() - {name}) for name, path in files.items()}
    rooms: dict[str, set[str]] = {}
    for name, imports in modules.items():
        rooms.setdefault(room(name), set()).update(map(room, imports))
    for graph in (modules, {name: others - {name} for name, others in rooms.items()}):
        # A package's empty __init__ is imported by everything in it, and imports nothing.
        list(graphlib.TopologicalSorter(graph).static_order())


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def test_the_code_stays_small():
    common = ROOT / "common"
    assert len([path for path in common.glob("*.py") if path.name != "__init__.py"]) <= 12
    assert sum(map(lines, common.rglob("*.py"))) <= 6_000
    assert sum(map(lines, [*MODULES, *SCRIPTS])) <= 21_400


def test_few_imports_stand_inside_functions():
    """A stage's main() imports what is heavy, and optional libraries wait until they are used."""
    inside = {
        (str(path.relative_to(ROOT)), node.lineno)
        for path in [*MODULES, *SCRIPTS]
        for function in ast.walk(parsed(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert len(inside) <= 60, sorted(inside)


def test_inits_are_empty_so_that_help_answers_at_once():
    for path in MODULES:
        assert path.name != "__init__.py" or not path.read_text("utf-8"), path


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: path.name)
def test_nothing_is_unpickled(path):
    assert not imported(path) & {"pickle", "joblib", "dill", "shelve"}
    text = path.read_text("utf-8")
    assert "torch.save(" not in text
    assert "allow_pickle=True" not in text
    assert text.count("torch.load(") == text.count("weights_only=True")


def test_every_import_is_pinned_and_every_pin_is_imported():
    of_module = importlib.metadata.packages_distributions()
    files = [*MODULES, *SCRIPTS, *TESTS]
    roots = {name.split(".")[0] for path in files for name in imported(path)}
    roots -= {*PACKAGES, *sys.stdlib_module_names, *(path.stem for path in files)}
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
    texts += [*(ROOT / "data" / "results").rglob("*.*"), *(ROOT / "docs").rglob("*.md")]
    texts += [ROOT / "Makefile", ROOT / "pyproject.toml"]
    for path in texts:
        if path != Path(__file__).resolve():
            text = path.read_text("utf-8")
            assert not re.search(r"(?<![\w.$~])/(home|work|root|Users)/\w", text), path


@pytest.mark.parametrize("path", [m for m in MODULES if m.name != "__init__.py"], ids=str)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(parsed(path))
