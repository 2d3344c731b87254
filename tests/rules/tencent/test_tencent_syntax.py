"""Tencent's template language, rendered by ours: names are replaced, everything else is text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.adapters.templates.templates import Templates
from warmpost.errors import Invalid
from warmpost.rules.message.message import Content
from warmpost.rules.tencent.flattened import unflatten
from warmpost.rules.tencent.syntax import as_source, decoded, encoded

TEMPLATES = Templates()


def render(text, syntax="tencent", **data):
    content = Content("s", text=text, templated=True, syntax=syntax)
    return TEMPLATES.preview(content, {name.replace("__", "-"): value for name, value in data.items()}).text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hello {{name}}", "Hello Ann"),
        ("Hello {{ name }}!", "Hello Ann!"),
        ("{{user-name}}", "A-B"),
        ("{{first name}}", "{{first name}}"),
        ("{{ }} {{}} {{{name}}}", "{{ }} {{}} {Ann}"),
        ("{% if x %}yes{% endif %}", "{% if x %}yes{% endif %}"),
        ("a lone {# and {{ and {% here", "a lone {# and {{ and {% here"),
        ("{{name|upper}} {{name.x()}}", "{{name|upper}} {{name.x()}}"),
        ("ends with {", "ends with {"),
        ("{{{{name}}", "{{Ann"),
    ],
)
def test_what_is_written_there_means_the_same_here(text, shown):
    assert render(text, name="Ann", user__name="A-B") == shown


@pytest.mark.parametrize("name", ["1", "true", "range", "self", "a.b", "姓名", "loop", "_"])
def test_any_name_may_be_one(name):
    content = Content("s", text=f"<{{{{{name}}}}}>", templated=True, syntax="tencent")
    assert TEMPLATES.inspect(content).required == {name}
    assert TEMPLATES.preview(content, {name: "value"}).text == "<value>"


def test_values_are_escaped_in_html_alone():
    content = Content("{{x}}", html="<p>{{x}}</p>", text="{{x}}", templated=True, syntax="tencent")
    shown = TEMPLATES.preview(content, {"x": "<b>&"})
    assert (shown.subject, shown.html, shown.text) == ("<b>&", "<p>&lt;b&gt;&amp;</p>", "<b>&")


def test_in_literal_content_nothing_is_a_variable():
    assert render("{{name}} {% x %} {#", "literal") == "{{name}} {% x %} {#"


def test_a_template_of_ours_stays_what_it_is():
    with pytest.raises(Invalid):
        render("{% if x %}", "jinja")
    assert as_source("{{ a }}", "jinja") == "{{ a }}"


@given(st.text(alphabet="{}%#ab _-|\n'\"", max_size=30))
def test_text_without_variables_comes_out_as_it_went_in(text):
    shown = render(f".{text}.", a="A", b="B", ab="AB", ba="BA")
    expected = re.sub(
        r"\{\{ *([\w.-]+) *\}\}",
        lambda match: {"a": "A", "b": "B", "ab": "AB", "ba": "BA"}.get(match[1], "?"),
        text,
    )
    if "?" not in expected:
        assert shown == f".{expected}."


@given(st.text(min_size=1, max_size=20))
def test_names_come_back_as_they_were(name):
    name = name.encode("utf-8", "ignore").decode()
    assert decoded(encoded(name)) == name
    assert encoded(name).isidentifier()


def test_flattened_parameters_become_objects_and_lists():
    flat = {"A.0.X": "1", "A.1.X": "2", "B.C": "x", "D.1": "late", "D.0": "early", "E": ""}
    assert unflatten(flat) == {
        "A": [{"X": "1"}, {"X": "2"}],
        "B": {"C": "x"},
        "D": ["early", "late"],
        "E": "",
    }


@pytest.mark.parametrize("flat", [{"A": "1", "A.B": "2"}, {"A.B": "1", "A": "2"}])
def test_names_that_collide_are_refused(flat):
    with pytest.raises(ValueError, match="collides"):
        unflatten(flat)
