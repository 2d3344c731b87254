import pytest

from warmpost.rules.html.hidden import DependsOnValues, hidden_selectors, hides
from warmpost.rules.html.text import text_of_html


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "color:red; DISPLAY : none !important",
        "visibility:hidden",
        "max-height:0;overflow:hidden",
        "opacity:0.0",
        "mso-hide:all;font-size:1px;color:#fff",
    ],
)
def test_a_style_that_hides(style):
    assert hides(style)
    assert text_of_html(f"<div style='{style}'>no<p>no</p></div>yes") == "yes\n"


@pytest.mark.parametrize(
    "style", ["color:red", "display:none;display:block", "mso-hide:all", "font-size:0", "opacity:.9"]
)
def test_a_style_that_does_not(style):
    assert not hides(style)
    assert text_of_html(f"<div style='{style}'>yes</div>") == "yes\n"


def test_rules_of_a_style_sheet_hide_by_class_and_id():
    css = "/* .x{display:none} */ .a,p.b, #c{display:none} .d .e{display:none} @media print{.f{display:none}} .g{color:red}"
    assert hidden_selectors(css) == {".a", "p.b", "#c"}
    html = f"<style>{css}</style><p class='z a'>1</p><p class=b>2</p><div class=b>3</div><i id=c>4</i><b class=f>5</b>"
    assert text_of_html(html).split() == ["3", "5"]


def test_an_element_says_otherwise_than_its_class():
    assert text_of_html("<style>.a{display:none}</style><p class=a style='display:block'>x</p>") == "x\n"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p hidden>no<p>yes", "yes\n"),
        ("<p style='display:none'>no<div>yes</div>", "yes\n"),
        ("<div hidden><div>no</div>no</div>yes", "yes\n"),
        ("<table><tr><td hidden>no<td>yes</table>", "yes\n"),
        ("<div hidden>no</p></i>no</div>yes", "yes\n"),
        ("<select><option>no</select><svg><text>no</text></svg>yes", "yes\n"),
    ],
)
def test_what_is_hidden_ends_where_its_element_does(html, text):
    assert text_of_html(html) == text


@pytest.mark.parametrize(
    "style", ["display:\ue0000\ue001", "\ue0000\ue001", "color:red;\ue0001\ue001display:none"]
)
def test_a_template_that_decides_what_is_hidden_is_told(style):
    with pytest.raises(DependsOnValues):
        hides(style, marked=True)
