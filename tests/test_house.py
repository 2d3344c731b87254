"""The house of the README: who may import whom, who reads the time and the environment, how long a file may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"
FILES = sorted(FUNCTIONS.rglob("*.py"))
VISIBLE = {"README.md", "functions", "infra", "requirements.txt", "serverless.yml", "tests"}

OURS = {
    "rules": ("warmpost.rules", "warmpost.errors"),
    "actions": ("warmpost.actions", "warmpost.rules", "warmpost.errors"),
    "adapters": ("warmpost.adapters", "warmpost.rules", "warmpost.errors"),
    "gateways": ("warmpost.gateways", "warmpost.actions", "warmpost.rules", "warmpost.errors"),
    "services.py": (
        "warmpost.adapters",
        "warmpost.gateways",
        "warmpost.actions",
        "warmpost.rules",
        "warmpost.settings",
        "warmpost.errors",
    ),
    "settings.py": ("warmpost.rules",),
    "errors.py": (),
    "main.py": ("warmpost.services", "warmpost.gateways"),
    "__init__.py": (),
}
"""What each part of the house may import of ours."""

THEIRS = {
    "gateways": {"msgspec", "starlette"},
    "main.py": {"functions_framework", "starlette"},
}
"""What of others', beside the standard library; adapters may use anything."""


def part_of(file: Path) -> str:
    inside = file.relative_to(FUNCTIONS)
    names = inside.parts[1:] if inside.parts[0] == "warmpost" else inside.parts
    return names[0]


def imports(file: Path) -> Iterator[str]:
    """Full names of modules, or of what is imported from them where that may be a module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def ids(file: Path) -> str:
    return str(file.relative_to(FUNCTIONS))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_imports_go_one_way(file):
    part = part_of(file)
    for name in imports(file):
        top = name.partition(".")[0]
        if top == "warmpost":
            assert any(is_within(name, one) for one in OURS[part]), f"{part} imports {name}"
        elif top not in sys.stdlib_module_names and part != "adapters":
            assert top in THEIRS.get(part, set()), f"{part} imports {name}"
        assert top != "main"


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_one_file_alone_reads_the_environment_and_one_the_time(file):
    name = ids(file)
    text = file.read_text()
    names = {ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    if name != "warmpost/settings.py":
        assert not names & {"os.environ", "os.getenv", "os.environb"}
        assert not {"os.environ", "os.getenv"} & set(imports(file))
    if name != "warmpost/adapters/clock.py":
        clocks = {
            "datetime.now",
            "datetime.utcnow",
            "datetime.today",
            "date.today",
            "time.time",
            "time.time_ns",
        }
        clocks |= {"datetime.datetime.now", "datetime.date.today", "dt.datetime.now"}
        assert not names & clocks
        assert "time.time" not in set(imports(file))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_a_file_is_read_in_one_sitting(file):
    assert len(file.read_text().splitlines()) <= 350


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_every_file_says_what_it_is_for(file):
    tree = ast.parse(file.read_text())
    assert ast.get_docstring(tree) or not tree.body


def test_nothing_is_called_utils_or_helpers():
    vague = {"util", "utils", "helper", "helpers", "common", "misc"}
    assert not [file for file in FILES if vague & {part.removesuffix(".py") for part in file.parts}]


def test_the_top_of_the_repository_holds_six_things():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tops = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    assert {top for top in tops if not top.startswith(".")} <= VISIBLE


def test_nothing_is_left_to_do_later():
    for file in [*FILES, *(ROOT / "infra").rglob("*.py")]:
        text = file.read_text()
        assert "TODO" not in text and "FIXME" not in text and "NotImplementedError" not in text, file


SECRET_NAMES = ("secret", "signature", "mac", "token", "key", "password")
"""Endings of names whose values nobody may guess a character at a time."""


def compared_by_value() -> Iterator[str]:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [node.left, *node.comparators]
                names = [ast.unparse(one) for one in sides if isinstance(one, ast.Name | ast.Attribute)]
                if len(names) == 2 and any(name.lower().endswith(SECRET_NAMES) for name in names):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"


def test_secrets_are_compared_in_constant_time():
    assert not list(compared_by_value()), "hmac.compare_digest"


def test_every_test_that_the_readme_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "README.md").read_text())
    assert len(named) > 10
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"
