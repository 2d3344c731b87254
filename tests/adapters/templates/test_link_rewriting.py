import re

import pytest

from tests.adapters.templates.rewriting import (
    BASE,
    CLICK,
    LINKS,
    SIGNER,
    TARGET,
    destinations,
    marked,
    rendered,
    restored,
    untouched,
)
from warmpost.rules.tracking.tracking import EVERYTHING, UNMARKED, Marks, Track, Unsubscribe


@pytest.mark.parametrize(
    ("html", "destination"),
    [
        ('<a href="https://a.example/x">x</a>', "https://a.example/x"),
        ("<a href='https://a.example/x'>x</a>", "https://a.example/x"),
        ("<a href=https://a.example/x>x</a>", "https://a.example/x"),
        ("<A HREF = 'HTTPS://a.example/X' >x</A>", "HTTPS://a.example/X"),
        ('<a\nclass="b"\nhref\n=\n"https://a.example/x"\n>x</a>', "https://a.example/x"),
        ('<a/href="https://a.example/x"/>x</a>', "https://a.example/x"),
        ('<area shape="rect" href="https://a.example/x">', "https://a.example/x"),
        ('<a title="a > b" href="https://a.example/x">x</a>', "https://a.example/x"),
        ('<a href="https://a.example/?a=1&amp;b=2#c&amp;d">x</a>', "https://a.example/?a=1&b=2#c&d"),
        ('<a href="https://a.example/?a=1&b=2&copy=3">x</a>', "https://a.example/?a=1&b=2&copy=3"),
        ('<a href="https://a.example/?a&copy;=3&#x2F;&#47;">x</a>', "https://a.example/?a©=3//"),
        ('<a href="https://a.example/ü?q=%C3%BC%2f+ä b">x</a>', "https://a.example/ü?q=%C3%BC%2f+ä b"),
        ('<a href=" https://a.example/x\n">x</a>', "https://a.example/x"),
        ('<!--[if mso]><v:roundrect href="https://a.example/x"><![endif]-->', "https://a.example/x"),
        ('<!--[if !mso]><!--><a href="https://a.example/x">x</a><!--<![endif]-->', "https://a.example/x"),
        ('<style>a > b { content: "<a href=" }</style><a href="https://a.example/x">', "https://a.example/x"),
    ],
)
def test_links_are_found_however_they_are_written(html, destination):
    for templated in (True, False):
        result = marked(html, templated=templated)
        assert destinations(result) == [destination]
        raw = re.search(r"""(?i)href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*))""", html.split("</style>")[-1])
        assert raw is not None
        assert restored(result, [raw[1] or raw[2] or raw[3]]) == html


@pytest.mark.parametrize(
    "html",
    [
        '<a href="mailto:ann@example.org">x</a>',
        '<a href="tel:+4930123">x</a>',
        '<a href="#top">x</a>',
        '<a href="/path?x=1">x</a>',
        '<a href="//a.example/x">x</a>',
        '<a href="path">x</a>',
        '<a href="">x</a>',
        "<a href>x</a>",
        '<a href="cid:logo">x</a>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="https:a.example/x">x</a>',
        '<a href="https:///a.example/x">x</a>',
        '<a href="https://a.example/x" data-track="off">x</a>',
        "<a DATA-TRACK=Off href=https://a.example/x>x</a>",
        '<a href="https://a.example/unsubscribe?x=1">x</a>',
        '<a href="https://a.example/?do=UnSubscribe">x</a>',
        f'<a href="{BASE}/u/abc">x</a>',
        '<a href="HTTPS://T.example.com/elsewhere">x</a>',
        '<!-- <a href="https://a.example/x">x</a> -->',
        '<script>"<a href=https://a.example/x>"</script>',
        '<textarea><a href="https://a.example/x"></textarea>',
        '<title><a href="https://a.example/x"></title>',
        '<link href="https://a.example/x.css"><base href="https://a.example/">',
        '<img src="https://a.example/x.png"><form action="https://a.example/x"></form>',
        '<a title=" href=https://a.example/x ">x</a>',
        '<a data-href="https://a.example/x" xhref="https://a.example/x">x</a>',
        'text href="https://a.example/x" < a href="https://a.example/x">',
        '<a href="https://a.example/x',
        '<a href="https://a.example/x"',
        f'<a href="https://a.example/{"x" * 1500}">x</a>',
        '<a href="https://a.example/\x01x">x</a>',
        "https://a.example/x",
    ],
)
def test_what_is_no_link_to_follow_stays_as_it_is(html):
    assert untouched(html, templated=False)
    if "{" not in html:
        assert untouched(html)


def test_only_the_first_of_two_hrefs_counts():
    result = marked('<a href="https://a.example/1" href="https://a.example/2">x</a>')
    assert destinations(result) == ["https://a.example/1"]
    assert 'href="https://a.example/2"' in result


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ('<a href="{{ url }}">x</a>', ["https://b.example/?a=1&b='2'"]),
        ("<a href='{{ url }}'>x</a>", ["https://b.example/?a=1&b='2'"]),
        ("<a href={{ url }}>x</a>", ["https://b.example/?a=1&b='2'"]),
        (
            '<a href="https://a.example/{{ id }}?q={{ word|urlencode }}">x</a>',
            ["https://a.example/7?q=a%26b%20%C3%BC"],
        ),
        ('<a href="https://a.example/?q={{ word }}#{{ id }}">x</a>', ["https://a.example/?q=a&b ü#7"]),
        (
            '{% for n in [1, 2] %}<a href="https://a.example/{{ n }}">x</a>{% endfor %}',
            ["https://a.example/1", "https://a.example/2"],
        ),
        (
            '<a href="{% if id == 7 %}https://a.example/7{% else %}https://a.example/8{% endif %}">x</a>',
            ["https://a.example/7"],
        ),
        (
            '{% if id == 8 %}<a href="https://a.example/8">{% else %}<a href="https://a.example/9">{% endif %}x</a>',
            ["https://a.example/9"],
        ),
        (
            '<a {% if id == 8 %}href="https://a.example/8"{% else %}href="https://a.example/9"{% endif %}>x</a>',
            ["https://a.example/9"],
        ),
        (
            '{% macro button(to) %}<a href="{{ to }}">x</a>{% endmacro %}{{ button(url) }}{{ button("mailto:x") }}',
            ["https://b.example/?a=1&b='2'"],
        ),
        ('{% raw %}<a href="https://a.example/{{x}}">{% endraw %}', ["https://a.example/{{x}}"]),
        ('{%- if id -%}  <a href="https://a.example/x">  {%- endif -%}', ["https://a.example/x"]),
        (
            '{% with host = "a.example" %}<a href="https://{{ host }}/">x</a>{% endwith %}',
            ["https://a.example/"],
        ),
        ('<a href="https://a.example/{{ id }}" data-track="on">x</a>', ["https://a.example/7"]),
    ],
)
def test_links_made_by_templates_lead_where_they_did(html, wanted):
    data = {"url": "https://b.example/?a=1&b='2'", "id": 7, "word": "a&b ü"}
    for filler in ("", "ж" * 400):
        result = marked(filler + html, data)
        assert destinations(result) == wanted
        plain = marked(filler + html, data, marks=UNMARKED)
        links = re.findall(
            r"https://[ab]\.example[^'>]*" if "'{{" in html else r'https://[ab]\.example[^">]*', plain
        )
        assert restored(result, links) == plain


@pytest.mark.parametrize(
    "html",
    [
        '<a href="{{ mail }}">x</a>',
        '<a href="{{ path }}/x">x</a>',
        '<a href="{{ mail }}" data-track="{{ "off" }}">x</a>',
        '<a href="https://a.example/{{ id }}" data-track="off">x</a>',
        '<a href="https://a.example/unsubscribe/{{ id }}">x</a>',
        '<a href="{{ unsubscribe }}">x</a>',
        '<a href="{{ long }}">x</a>',
        "<a {{ attributes|safe }}>x</a>",
        '<a href={% if id %}"https://a.example/7"{% else %}"https://a.example/8"{% endif %}>x</a>',
        '{% filter upper %}<a href="https://a.example/x">x</a>{% endfilter %}',
        '{% set link %}<a href="https://a.example/x">x</a>{% endset %}{{ link|striptags }}',
        '{% macro m() %}<a href="https://a.example/x">x</a>{% endmacro %}{{ m()|upper }}',
        '{% macro m() %}<a href="https://a.example/x">x</a>{% endmacro %}{% set b = m() %}{{ b|upper }}',
        '<a href="https://a.example/{% set n = 1 %}{{ n }}">{{ n }}</a>',
        "<a href={{ spaced }}>x</a>",
        '<a href="{{ quoted|safe }}">x</a>',
    ],
)
def test_links_made_by_templates_that_are_not_followed_stay_as_they_are(html):
    data = {
        "mail": "mailto:ann@example.org",
        "path": "/x",
        "id": 7,
        "unsubscribe": "https://a.example/Unsubscribe",
        "long": "https://a.example/" + "x" * 1500,
        "attributes": 'href="https://a.example/x"',
        "spaced": "https://a.example/x onclick=1",
        "quoted": 'https://a.example/" title="x',
    }
    assert untouched(html, data)


def test_a_value_cannot_name_what_rewritten_links_are_made_with():
    data = {"the reader": 1, "url": "https://a.example/"}
    assert destinations(marked('<a href="{{ url }}">', data)) == ["https://a.example/"]


def test_links_are_numbered_as_they_stand():
    html = (
        '<a href="https://a.example/1">{% for n in [1, 2] %}<a href="https://a.example/{{ n }}">{% endfor %}'
    )
    found = [SIGNER.read("click", token) for token in CLICK.findall(marked(html))]
    assert [one.link for one in found if one] == [0, 1, 1]


@pytest.mark.parametrize(
    ("html", "before"),
    [
        ("<html><body><p>x</p></body></html>", "<html><body><p>x</p>"),
        ("<BODY>x</BODY >y", "<BODY>x"),
        ("<p>x</p>", "<p>x</p>"),
        ("<body>x<!-- </body> --></body>", "<body>x<!-- </body> -->"),
        ("<body>x<!--[if mso]></body><![endif]-->", "<body>x<!--[if mso]></body><![endif]-->"),
        ("<body>x{% if x %}</body>{% endif %}", "<body>x</body>"),
    ],
)
def test_the_picture_stands_at_the_end_of_the_body(html, before):
    result = marked(html, {"x": 1}, marks=Marks(BASE, Track(opens=True)))
    picture = re.search(r'<img src="https://t.example.com/track/o/([\w-]+)\.gif" [^>]*>', result)
    assert picture is not None
    assert result.startswith(before + picture[0])
    token = SIGNER.read("open", picture[1])
    assert token is not None and token.target == TARGET and token.sent_at == 1_790_000_000
    assert result.replace(picture[0], "") == marked(html, {"x": 1}, marks=UNMARKED)


@pytest.mark.parametrize("templated", [True, False])
@pytest.mark.parametrize(
    ("language", "words", "asked"),
    [("", "Unsubscribe from these e-mails", ""), ("ar", "إلغاء الاشتراك", "?lang=ar")],
)
def test_a_footer_is_put_below_both_bodies(templated, language, words, asked):
    marks = LINKS.marks(EVERYTHING, Unsubscribe(footer=True, language=language))
    plain, rich = rendered("<body><p>x</p></body>", marks=marks, templated=templated, text="Hello")
    for body in (plain, rich):
        assert words in body
        link = re.search(re.escape(BASE) + r"/u/([\w-]+)(\S*?)(?=[\"\s])", body)
        assert link is not None and link[2] == asked
        token = SIGNER.read("unsubscribe", link[1])
        assert token is not None and token.target == TARGET
    assert plain.startswith("Hello\n-- \n")
    assert rich.endswith("</body>") and not CLICK.search(rich)
    assert ('dir="rtl"' in rich) == (language == "ar")


def test_a_text_that_is_made_of_the_html_has_the_footer_and_the_links_as_they_were():
    for html in ('<a href="https://a.example/x">x</a>', '{{ x|safe }}<a href="https://a.example/x">x</a>'):
        marks = LINKS.marks(EVERYTHING, Unsubscribe(footer=True))
        plain, _ = rendered(html, {"x": "<b>y</b>"}, marks=marks, text=None)
        assert "https://a.example/x" in plain and plain.count(BASE) == 1 and "/o/" not in plain
