"""Which functions there are: those that `functions/main.py` declares, read without importing it."""

from __future__ import annotations

import ast
from pathlib import Path

from infra.local.bootstrap import ROOT

SOURCE = ROOT / "functions" / "main.py"


def declared_functions(source: Path = SOURCE) -> list[str]:
    """Names of the decorated asynchronous functions of a source file, in its order."""
    body = ast.parse(source.read_text()).body
    return [node.name for node in body if isinstance(node, ast.AsyncFunctionDef) and node.decorator_list]


def in_url(function: str) -> str:
    return function.replace("_", "-")
