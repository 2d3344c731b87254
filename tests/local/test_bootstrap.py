"""The project's own environment, made in a copy of the tree whose requirement files name nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from infra.local.bootstrap import ROOT, TO_RUN, TO_TEST


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    (root / "infra/local").mkdir(parents=True)
    (root / "tests").mkdir()
    for name in ("infra/__init__.py", "infra/local/__init__.py", "infra/local/bootstrap.py"):
        shutil.copy(ROOT / name, root / name)
    for name in TO_TEST:
        (root / name).write_text("")
    return root


def prepare(root, files) -> str:
    """What it says while it prepares."""
    code = f"from infra.local.bootstrap import prepare; prepare({files!r})"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def test_environment_is_made_once_and_again_only_when_a_requirement_changes(tree):
    assert "making .venv" in prepare(tree, TO_RUN)
    assert prepare(tree, TO_RUN) == ""
    assert "installing" in prepare(tree, TO_TEST)
    assert prepare(tree, TO_RUN) + prepare(tree, TO_TEST) == ""
    (tree / "infra/requirements.txt").write_text("# another line\n")
    said = prepare(tree, TO_RUN)
    assert "installing" in said
    assert "making .venv" not in said


def test_requirement_that_cannot_be_had_is_an_error_in_one_line(tree):
    (tree / "requirements.txt").write_text("./no-such-package\n")
    code = f"from infra.local.bootstrap import prepare; prepare({TO_RUN!r})"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("dev.py: pip could not install the requirements")
