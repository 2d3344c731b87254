"""The house: who may import whom, who reads the time and the environment, how large things may be, where tests stand."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import house_checks as house

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"
INFRA = ROOT / "infra"
TESTS = ROOT / "tests"
FILES = house.python_files(FUNCTIONS)
VISIBLE = {"README.md", "functions", "infra", "requirements.txt", "serverless.yml", "tests"}

THEIRS = {
    "gateways": {"msgspec", "starlette"},
    "main": {"functions_framework", "starlette"},
    "warmpost.rules.model.addresses": {"idna"},  # tables and pure functions, as the standard library's are
}
"""What may be imported of others', beside the standard library; adapters may use anything."""

ONE_FILE_FOR_EACH_RESOURCE = {"warmpost/gateways/manage"}

ABOUT_THE_WHOLE = {"chaos", "deploy", "e2e", "fuzz", "simulation"}


def plant(root: Path, **files: str) -> Path:
    """A source tree: `warmpost__rules__a="import re"` becomes `warmpost/rules/a.py`."""
    for name, text in files.items():
        file = root.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_imports_make_no_circle():
    assert not house.circles(FUNCTIONS)


def test_a_circle_of_modules_is_found(tmp_path):
    tree = plant(
        tmp_path,
        warmpost__rules__model__a="from warmpost.rules.model import b",
        warmpost__rules__model__b="from warmpost.rules.model.c import X",
        warmpost__rules__model__c="import warmpost.rules.model.a",
    )
    assert house.circles(tree)


@pytest.mark.parametrize(
    "hidden",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from warmpost.rules.model.a import A",
        "def late():\n    from warmpost.rules.model.a import A",
    ],
)
def test_a_circle_that_is_hidden_from_the_interpreter_is_found(tmp_path, hidden):
    tree = plant(
        tmp_path,
        warmpost__rules__model__a="from warmpost.rules.model.b import B",
        warmpost__rules__model__b=hidden,
    )
    assert house.circles(tree)


def test_a_circle_of_folders_is_found_where_no_module_is_in_one(tmp_path):
    tree = plant(
        tmp_path,
        warmpost__actions__batches__a="from warmpost.actions.lists.b import B",
        warmpost__actions__lists__b="",
        warmpost__actions__lists__c="from warmpost.actions.batches.d import D",
        warmpost__actions__batches__d="",
    )
    assert house.circles(tree) and "warmpost.actions.lists" in house.circles(tree)[0]


def test_imports_go_one_way():
    assert not house.arrows_upwards(FUNCTIONS)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("warmpost__rules__model__a", "from warmpost.actions import ports"),
        ("warmpost__actions__lists__a", "from warmpost.adapters import clock"),
        ("warmpost__actions__lists__a", "from warmpost.gateways.http import app"),
        ("warmpost__adapters__a", "from warmpost.actions import ports"),
        ("warmpost__gateways__api__a", "def late():\n    import warmpost.services"),
        ("warmpost__rules__model__a", "from warmpost.settings import Settings"),
        ("warmpost__actions__lists__a", "import main"),
        ("warmpost__cellar__a", ""),
    ],
)
def test_an_arrow_upwards_is_found(tmp_path, module, text):
    others = {
        f"warmpost__{name}": ""
        for name in ("settings", "services", "actions__ports", "adapters__clock", "gateways__http__app")
    }
    tree = plant(tmp_path, **others, main="", **{module: text})
    assert len(house.arrows_upwards(tree)) == 1


def test_only_adapters_use_what_they_like_of_others():
    assert not house.foreign_imports(FUNCTIONS, THEIRS)


def test_a_foreign_import_is_found(tmp_path):
    tree = plant(
        tmp_path,
        warmpost__rules__model__a="import re\nimport msgspec",
        warmpost__adapters__b="import aiohttp",
    )
    assert house.foreign_imports(tree, THEIRS) == ["warmpost.rules.model.a imports msgspec"]


def test_no_folder_is_a_flat_hall():
    assert not house.flat_halls(FUNCTIONS, ONE_FILE_FOR_EACH_RESOURCE)


def test_a_flat_hall_is_found(tmp_path):
    tree = plant(tmp_path, **{f"warmpost__rules__model__a{number}": "" for number in range(14)})
    assert house.flat_halls(tree, set()) == ["warmpost/rules/model holds 14 files"]
    assert not house.flat_halls(tree, {"warmpost/rules/model"})


def test_a_file_is_read_in_one_sitting():
    found = {f"{root.name}/{name}" for root in (FUNCTIONS, INFRA) for name in house.long_files(root)}
    assert not found


def test_a_function_fits_a_screen():
    found = {f"{root.name}/{name}" for root in (FUNCTIONS, INFRA) for name in house.long_functions(root)}
    assert not found


def test_long_files_and_functions_are_found(tmp_path):
    long = "def long():\n" + "    pass\n" * 30
    said = 'def said():\n    """What for.\n' + "\n" * 30 + '    """\n    pass\n'
    plant(
        tmp_path,
        a="pass\n" * 301,
        b="pass\n" * 300,
        c=long,
        d="class It:\n    async " + long.replace("    ", "  " * 4),
        e=said,
    )
    assert house.long_files(tmp_path) == ["a.py"]
    assert house.long_functions(tmp_path) == ["c.py::long", "d.py::long"]


def test_tests_mirror_the_rooms():
    assert not house.tests_without_a_room(TESTS, [FUNCTIONS / "warmpost", INFRA], ABOUT_THE_WHOLE)
    assert not house.tests_in_another_room(TESTS, FUNCTIONS)


def test_a_test_outside_its_room_is_found(tmp_path):
    functions = plant(tmp_path / "functions", warmpost__rules__model__a="", warmpost__rules__lists__b="")
    tests = plant(tmp_path / "tests", rules__lists__test_a="", rules__cellar__test_c="", e2e__test_d="")
    assert house.tests_without_a_room(tests, [functions / "warmpost"], {"e2e"}) == ["rules/cellar"]
    assert house.tests_in_another_room(tests, functions) == ["rules/lists/test_a.py: rules/model"]


def ids(file: Path) -> str:
    return str(file.relative_to(FUNCTIONS))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_one_file_alone_reads_the_environment_and_one_the_time(file):
    name = ids(file)
    text = file.read_text()
    names = {ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    if name != "warmpost/settings.py":
        assert not names & {"os.environ", "os.getenv", "os.environb"}
        assert not {"os.environ", "os.getenv"} & set(house.imported(file))
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
        assert "time.time" not in set(house.imported(file))


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


def test_every_test_that_is_named_for_what_it_holds_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "tests/README.md").read_text())
    assert len(named) > 10
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"
