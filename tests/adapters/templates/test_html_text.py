import pytest

from warmpost.adapters.templates.html_text import text_template_of_html
from warmpost.adapters.templates.sandbox import Sandbox
from warmpost.adapters.templates.templates import Templates
from warmpost.rules.html.text import text_of_html
from warmpost.rules.message.message import Content

html = Sandbox(autoescape=True)
templates = Templates()


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hi {{ name }}, <a href='{{ url }}'>read</a></p>",
        "<table>{% for x in xs %}<tr><td>{{ x.a }}</td><td>{{ x.b|default('-') }}</td></tr>\n{% endfor %}</table>",
        "<p>Hi{% if name %} {{ name }}{% endif %}!</p>\n{% if name == 'A' %}\n<p>yes</p>\n{% else %}<p>no</p>{% endif %}",
        "<p class='{% if name %}a{% endif %}'>x</p>{# not this #}",
        "<style>{{ url }}</style><h1>{{ name|upper }}</h1>",
        "<ul>{% for x in xs %}<li style='color:{{ name }}'>{{ x.a }}</li>{% endfor %}</ul><p>end</p>",
        "<table>{% for x in xs %}<tr{% if loop.first %} class='a'{% endif %}><td>{{ x.a }}</td></tr>{% endfor %}</table>",
        "<div style='display:none'>{{ name }}{% if name %}x{% endif %}</div><p class='{{ name }}'>Hi</p>",
        "<p><a href='{{ url }}'>{{ url }}</a>{{ name }}</p><blockquote>Hi {{ name }}</blockquote><ol><li>Hi {{ name }}</ol>",
        "<style>@media x{#a{b:c}}</style><p>{{ name }}</p>",
        "Hi {{ name }}{% if name %}<p>more</p>{% else %}<p>none</p>{% endif %}",
        "<ul><li>{% if name %}a{% else %}c{% endif %}<li>b</ul>",
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
        "<ol>{% for x in body %}<li>{{ x }}</li>{% endfor %}</ol>",
        "<blockquote>{% if body %}<p>x</p>{% endif %}</blockquote>",
        "<p style='display:{{ body }}'>x</p>",
        "<p {% if body %}hidden{% endif %}>x</p>",
        "<a {% if body %}href='https://x.example/'{% endif %}>x</a>",
        "<h{{ body }}>x</h1>",
        "<img src='{{ body }}'>",
        "<ol start='{{ body }}'><li>x</ol>",
    ],
)
def test_what_needs_the_rendered_html_is_converted_for_each_message(source):
    assert text_template_of_html(html, source) is None
    shown = templates.preview(Content("s", html=source, templated=True), {"body": "<b>bold</b>"})
    assert shown.html is not None and shown.text == text_of_html(shown.html)
