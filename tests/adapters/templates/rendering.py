"""One template on its own: what it shows, and how it fails."""

import pytest

from warmpost.adapters.templates.templates import Templates
from warmpost.errors import Invalid
from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.message import Content

templates = Templates()


def html(source: str) -> Content:
    return Content("Subject", html=source, text="", templated=True)


def shown(source: str, **data) -> str:
    rendered = templates.preview(html(source), data).html
    assert rendered is not None
    return rendered


def refused(content: Content) -> Invalid:
    with pytest.raises(Invalid) as caught:
        templates.inspect(content)
    return caught.value


def failure(source: str, **data) -> str:
    """How rendering for sending fails; the preview fails too."""
    with pytest.raises(CannotCompose) as sent:
        templates.compile(html(source)).render(data, {})
    with pytest.raises(Invalid) as previewed:
        templates.preview(html(source), data)
    assert previewed.value.code == "cannot_render" and previewed.value.field == "html"
    return sent.value.reason
