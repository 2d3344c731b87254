"""What readers of the text part read, from HTML as builders and people write it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.html.text import text_of_html

FILLER = "\u034f\u200c\u00a0" * 100


def lines(html: str) -> list[str]:
    return [line for line in text_of_html(html).splitlines() if line]


def test_what_a_reader_sees_is_kept_and_the_rest_is_not():
    page = """<html><head><title>T</title><style>p { color: red }</style></head><body>
      <table><tr><td>Tea</td><td>2.00</td></tr><tr><td>Cake</td><td>3.00</td></tr></table>
      <p>5 &lt; 6&nbsp;&amp; <a href="https://x.example/a_(b)?c=1&amp;d=2">more</a></p><!-- not this -->
      <ul><li>one</li><li>two</li></ul><p>1. first</p><p>- dash</p><script>alert(1)</script></body></html>"""
    assert lines(page) == [
        *("Tea 2.00", "Cake 3.00", "5 < 6 & more <https://x.example/a_(b)?c=1&d=2>", "- one", "- two"),
        *("1. first", "- dash"),
    ]


@pytest.mark.parametrize(
    ("href", "url"),
    [
        (
            "https://x.example/?user=1&param=x&timestamp=3&currency=EUR&region=eu&section=5&notify=1&copy=1",
            "https://x.example/?user=1&param=x&timestamp=3&currency=EUR&region=eu&section=5&notify=1&copy=1",
        ),
        ("https://x.example/?a=1&amp;b=2&#38;c=3&copy", "https://x.example/?a=1&b=2&c=3©"),
        ("https://x.example/?a&notit;&ampx&lt;", "https://x.example/?a&notit;&ampx%3C"),
        ("  https://x.example/a b\n/c ", "https://x.example/a%20b/c"),
        ("//x.example/a", "https://x.example/a"),
        ("mailto:a@x.example?subject=Hi", "mailto:a@x.example?subject=Hi"),
    ],
)
def test_a_link_leads_where_a_browser_goes(href, url):
    assert text_of_html(f'<p>Go <a href="{href}">here</a>.</p>') == f"Go here <{url}>.\n"


@pytest.mark.parametrize("href", ["", "#top", "javascript:alert(1)", "data:text/html,x", "cid:a"])
def test_a_link_that_leads_nowhere_is_its_words(href):
    assert text_of_html(f"<a href='{href}'>words</a>") == "words\n"


def test_a_link_whose_words_are_its_url_is_said_once():
    html = "<a href='https://x.example/'>https://x.example/</a> <a href='mailto:a@x.example'>a@x.example</a>"
    assert text_of_html(html) == "https://x.example/ a@x.example\n"


def test_links_and_rows_do_not_run_into_each_other():
    html = (
        "<a href='https://x.example/1'>Buy</a><a href='https://x.example/2'>Read</a>"
        "<table><tr><td><a href='https://x.example/3'>A</a></td><td>B</td></tr><tr><td>C</td></tr></table>"
    )
    assert lines(html) == [
        *("Buy <https://x.example/1> Read <https://x.example/2>", "A <https://x.example/3> B", "C")
    ]


def test_numbered_lists_are_numbered():
    html = "<ol><li>a<li>b<ul><li>c</li></ul></li><li><p>d</p></li></ol><ol start=7 reversed><li>e<li value=3>f<li>g</ol>"
    assert lines(html) == ["1. a", "2. b", "  - c", "3. d", "7. e", "3. f", "2. g"]


def test_quotes_are_quoted_once():
    html = "<p><q>yes</q>, <q>“no”</q></p><blockquote><p>one</p><p>two</p></blockquote>after"
    assert text_of_html(html) == '"yes", “no”\n\n> one\n>\n> two\n\nafter\n'


def test_it_reads_as_text_and_not_as_the_source_of_one():
    html = "<h1>Dear reader</h1><p><b>Bold</b> <i>words</i>*_#`[x](y)</p><hr><p>a<br>b</p>"
    assert text_of_html(html) == f"Dear reader\n\nBold words*_#`[x](y)\n\n{'-' * 40}\n\na\nb\n"


def test_preformatted_text_keeps_its_lines():
    assert text_of_html("<pre>\nfoo  bar\n  baz <b>x</b> y\n</pre>z") == "foo  bar\n  baz x y\n\nz\n"


def test_preview_text_and_its_fillers_stay_out():
    html = (
        '<div style="display:none;overflow:hidden;max-height:0;mso-hide:all">In the inbox only<div>'
        f"{FILLER}</div></div><p>Hello</p>{FILLER}<p>Ann\u200d</p>"
    )
    assert text_of_html(html) == "Hello\n\nAnn\u200d\n"


@pytest.mark.parametrize("emoji", ["👨‍👩‍👧‍👦", "می‌خواهم", "co\u00adop"])
def test_invisible_characters_inside_of_words_stay(emoji):
    assert text_of_html(f"<p>{emoji}</p>") == f"{emoji}\n"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            '<a href="https://x.example/"><img src="l.png" alt="To the shop"></a>',
            "To the shop <https://x.example/>",
        ),
        ('<a href="https://x.example/"><img src="l.png"></a>', "<https://x.example/>"),
        (
            '<a href="https://x.example/" title="Our shop"><img src="l.png" alt=""></a>',
            "Our shop <https://x.example/>",
        ),
        ('<img src="https://x.example/l.png" alt="Spring sale">', "Spring sale"),
        ('<title>Spring\n sale</title><img src="https://x.example/l.png">', "Spring sale"),
        (
            '<img src="https://x.example/l.png"><img src="https://x.example/p" width=1 height=1>',
            "<https://x.example/l.png>",
        ),
        ('<a href="https://x.example/"></a>Hi<img src="p.png" width="1" height="1">', "Hi"),
    ],
)
def test_a_message_of_pictures_has_a_text(html, text):
    assert text_of_html(html) == f"{text}\n"


POSTMARK = """<style>@media (max-width:600px) { .body { width: 100% !important } }
.preheader { display: none !important; visibility: hidden; mso-hide: all }</style>
<span class="preheader">Use this link to reset.</span><table class="body"><tr><td>
<a href="https://example.com" class="f-fallback">Product</a></td></tr><tr><td><h1>Hi Ann,</h1><p>Reset it:</p>
<table><tr><td><a href="https://example.com/r" class="button">Reset</a></td></tr></table>
<p>Thanks,<br>The team</p></td></tr></table>"""
MJML = """<body><div style="display:none;font-size:1px;max-height:0px;opacity:0;overflow:hidden;">Preview</div><div>
<!--[if mso | IE]><table><tr><td width="600px"><![endif]--><div style="margin:0px auto"><table><tbody><tr>
<td style="font-size:0px;padding:20px 0"><div class="mj-column-per-100" style="font-size:0px"><table><tbody>
<tr><td><div style="font-size:20px">Hello</div></td></tr><tr><td><p style="border-top:solid 4px"></p></td></tr>
<tr><td><div>World</div></td></tr></tbody></table></div></td></tr></tbody></table></div></div></body>"""
CERBERUS = """<center role="article" style="width:100%"><!--[if mso]><table><tr><td>x<![endif]-->
<div style="max-height:0; overflow:hidden; mso-hide:all;" aria-hidden="true">Preheader</div>
<!--[if !mso]><!-- --><div style="padding:20px"><h1>Announcing</h1><p>Text</p></div><!--<![endif]--></center>"""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            POSTMARK,
            "Product <https://example.com>\n\nHi Ann,\n\nReset it:\n\nReset <https://example.com/r>\n\nThanks,\nThe team\n",
        ),
        (MJML, "Hello\n\nWorld\n"),
        (CERBERUS, "Announcing\n\nText\n"),
    ],
    ids=["Postmark", "MJML", "Cerberus"],
)
def test_what_builders_make_reads_as_it_looks(html, text):
    assert text_of_html(html) == text


@given(st.text("<>/abtd &;'\"=!-\n") | st.text() | st.lists(st.sampled_from(
    ["<ul>", "<li>", "</ul>", "<table>", "<tr>", "<td>", "</table>", "<p>", "</p>", "<a href=x>", "</a>", "<q>", "</q>",
     "<p hidden>", "<pre>", "</pre>", "<blockquote>", "</blockquote>", "x", " ", "<ol>", "</td>", "</tr>", "<br>"]
)).map("".join))  # fmt: skip
def test_html_of_any_quality_has_a_text(html):
    text = text_of_html(html)
    assert text.endswith("\n") and "\n\n\n" not in text


HOSTILE = {
    "nested lists": "<ul><li>",
    "nested lists with words": "<ol><li>x",
    "spaces": " ",
    "lines": "a\n",
    "unclosed comments": "<!--",
    "unclosed tags": "<a href='",
    "tags that are none": "<!",
    "end tags of what is outside": "<i><td><b></i>",
    "attributes": "<a b=c d='e'>",
    "references": "&lt",
    "nested quotes": "<blockquote>x",
    "nested tables": "<table><tr><td>x",
    "hidden paragraphs": "<p hidden>",
    "fillers": "\u200c ",
    "style sheets": "<style>.a{display:none}/*</style>",
    "links": "<a href=https://x.example/>x",
}


@pytest.mark.parametrize("before", ["", "<pre>", "<style>", "<!--", "<p class='"])
@pytest.mark.parametrize("repeated", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_html_takes_long_or_becomes_much(repeated, before):
    html = before + repeated * (60_000 // len(repeated))
    began = time.process_time()
    text = text_of_html(html)
    assert time.process_time() - began < 1
    assert len(text) < 10 * len(html)
