import pytest

from warmpost.adapters.templates.css import keep_css
from warmpost.adapters.templates.templates import Templates
from warmpost.errors import Invalid
from warmpost.rules.message.message import Content

templates = Templates()


def rendered(html: str) -> str:
    content = Content("s", html=html, templated=True)
    templates.inspect(content)
    return templates.preview(content, {"x": "1"}).html or ""


@pytest.mark.parametrize(
    "html",
    [
        "<style>@media screen{#outlook a{padding:0}}</style><p>x</p>",
        "<STYLE type='text/css'>@media x{#a{b:c}}@media y{#d{e:f}}</STYLE ><style>@media z{#g{h:i}}</style>",
        "<!--[if mso]><style>@media x{#a{b:c}}</style><![endif]-->",
        "<style>@media x{#a{b:c}}",
        "<styles>{{ '{' }}#</styles>",
    ],
)
def test_a_rule_for_an_id_is_css_and_no_comment(html):
    assert rendered(html) == html.replace("{{ '{' }}", "{")


def test_a_comment_within_a_style_sheet_stays_one():
    html = "<style>{# note #}@media x{#a{color:{{ x }}}}{# more #}</style>{# out #}"
    assert rendered(html) == "<style>@media x{#a{color:1}}</style>"


@pytest.mark.parametrize(
    "html",
    ["{% raw %}<style>@media x{#a{b:c}}</style>{% endraw %}", "<style>@media x{{ '{#' }}a{b:c}}</style>"],
)
def test_css_that_was_kept_from_being_read_stays_so(html):
    assert rendered(html) == "<style>@media x{#a{b:c}}</style>"
    assert keep_css(html) == html


def test_a_comment_that_does_not_end_is_told_with_what_would_be_right():
    with pytest.raises(Invalid, match=r"`\{#` begins a comment"):
        rendered("<p>{#a</p>")
    with pytest.raises(Invalid, match=r"`\{#` begins a comment"):
        templates.inspect(Content("s", text="<style>{#a</style>", templated=True))
