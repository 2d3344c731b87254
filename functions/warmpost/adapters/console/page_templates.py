"""The console's own pages: Jinja2 with everything escaped, each template compiled when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


class PageTemplates:
    """Implements `gateways.console.view.Pages`. folder: of the templates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import ChainableUndefined, Environment, FileSystemLoader

        return Environment(
            loader=FileSystemLoader(self._folder),
            autoescape=True,
            undefined=ChainableUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        return self._environment.get_template(name).render(context)
