"""`sekvens.flows` needs the standard library alone: read from its files, and then tried out."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "sekvens" / "flows").rglob("*.py"))
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in FILES
]

#: What a pure module has no use for: clocks, chance and the outside world.
IMPURE = {"asyncio", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "subprocess",
          "threading", "time", "urllib", "uuid", "zoneinfo"}  # fmt: skip

#: Imports every module with `-S -I` (no site packages), where whatever is asked of Temporal,
#: SQLAlchemy and their kin could not be found, and prints what came in.
TRIAL = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
for name in sys.argv[2:]:
    __import__(name)
print("\\n".join(sorted(set(sys.modules) - before)))
"""


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: write imports in full"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_the_flows_imports_only_the_standard_library_and_flows(file: Path) -> None:
    others = {name for name in imported(file) if not name.startswith("sekvens.flows")}

    assert others <= sys.stdlib_module_names | {"collections.abc"}
    assert not others & IMPURE, "time is an argument, and facts are asked for"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_the_flows_never_asks_for_the_time(file: Path) -> None:
    calls = {
        node.attr
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }

    assert not calls & {"now", "utcnow", "today"}


def test_the_flows_can_be_imported_where_nothing_is_installed() -> None:
    trial = subprocess.run(
        [sys.executable, "-I", "-S", "-c", TRIAL, str(ROOT), *MODULES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert trial.returncode == 0, trial.stderr
    ours = {name for name in trial.stdout.split() if name.split(".")[0] == "sekvens"}
    others = {name.split(".")[0] for name in trial.stdout.split()} - {"sekvens"}

    assert ours == {"sekvens", *MODULES}
    assert {name for name in others if not name.startswith("_")} <= sys.stdlib_module_names


def test_the_alarm_rings_for_a_package_from_outside(tmp_path: Path) -> None:
    (tmp_path / "impure.py").write_text("import sqlalchemy\n")
    trial = subprocess.run(
        [sys.executable, "-I", "-S", "-c", TRIAL, str(tmp_path), "impure"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "No module named 'sqlalchemy'" in trial.stderr
    assert imported(tmp_path / "impure.py") == {"sqlalchemy"}
