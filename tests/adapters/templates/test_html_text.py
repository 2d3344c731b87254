import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.adapters.templates.html_text import text_of_html, text_template_of_html
from warmpost.adapters.templates.sandbox import Sandbox
from warmpost.adapters.templates.templates import Templates
from warmpost.rules.message.message import Content

html = Sandbox(autoescape=True)
templates = Templates()


def test_what_a_reader_sees_is_kept_and_the_rest_is_not():
    page = """<html><head><title>T</title><style>p { color: red }</style></head><body>
      <table><tr><td>Tea</td><td>2.00</td></tr><tr><td>Cake</td><td>3.00</td></tr></table>
      <p>5 &lt; 6&nbsp;&amp; <a href="https://x.example/a_(b)?c=1&amp;d=2">more</a></p>
      <ul><li>one</li><li>two</li></ul><p>1. first</p><p>- dash</p><script>alert(1)</script></body></html>"""
    text = text_of_html(page)
    for line in ("Tea 2.00", "Cake 3.00", "1. first", "- dash"):
        assert line in text.splitlines()
    assert "5 < 6" in text and "[more](https://x.example/a_(b)?c=1&d=2)" in text
    assert "- one" in text and "color" not in text and "alert" not in text


@given(st.text("<>/abtd &;'\"=!-\n") | st.text())
def test_html_of_any_quality_has_a_text(page):
    assert text_of_html(page).endswith("\n")


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hi {{ name }}, <a href='{{ url }}'>read</a></p>",
        "<table>{% for x in xs %}<tr><td>{{ x.a }}</td><td>{{ x.b|default('-') }}</td></tr>\n{% endfor %}</table>",
        "<p>Hi{% if name %} {{ name }}{% endif %}!</p>\n{% if name == 'A' %}\n<p>yes</p>\n{% else %}<p>no</p>{% endif %}",
        "<p class='{% if name %}a{% endif %}'>x</p>{# not this #}",
        "<style>{{ url }}</style><h1>{{ name|upper }}</h1>",
        "<a href='https://x.example/?u={{ name }}&amp;k=1'>{% for x in xs %}{{ loop.index }}{% endfor %}</a>",
    ],
)
def test_a_template_converted_once_gives_what_converting_each_message_gives(source):
    derived = text_template_of_html(html, source)
    assert derived is not None
    for name in ("A", "Zoë", ""):
        data = {"name": name, "url": "https://x.example/?a=1&b=2", "xs": [{"a": "1"}, {"a": "x", "b": "y"}]}
        once = templates.preview(Content("s", text=derived, templated=True), data).text or ""
        shown = templates.preview(Content("s", html=source, text="", templated=True), data).html or ""
        assert once.split() == text_of_html(shown).split()
        assert templates.preview(Content("s", html=source, templated=True), data).text == once


@pytest.mark.parametrize(
    "source",
    [
        "{{ body|safe }}",
        "{% set x %}<b>{{ body }}</b>{% endset %}{{ x }}",
        "{% macro m() %}<b>{% endmacro %}{{ m() }}",
        "{% raw %}{{ x }}{% endraw %}",
        "<p>&#123;&#123; body }}</p>",
        "<style>{% if body %}</style>{{ body }}{% endif %}",
    ],
)
def test_what_needs_the_rendered_html_is_converted_for_each_message(source):
    assert text_template_of_html(html, source) is None
    shown = templates.preview(Content("s", html=source, templated=True), {"body": "<b>bold</b>"})
    assert shown.html is not None and shown.text == text_of_html(shown.html)
