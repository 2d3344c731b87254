"""The plain text of an HTML body, for messages that bring none (RFC 2046 section 5.1.4: the plainest part comes first).

It reads as a text that somebody wrote, not as the source of one: links stand behind their words (`Read <https://…>`, RFC
3986 appendix C), rows of a table are lines, numbered lists are numbered, pictures are their alternative text. Linear in
time, and in the length of what comes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import unescape

from warmpost.rules.html.elements import VOID, OpenElements
from warmpost.rules.html.hidden import (
    STATEMENT_MARK,
    DependsOnValues,
    check_clear,
    hidden_selectors,
    is_hidden,
)
from warmpost.rules.html.lines import DEEPEST_LIST, TextLines
from warmpost.rules.html.links import Link, url_of
from warmpost.rules.html.tags import EXPRESSION, RAW_TEXT, Tag, attribute_value, read_tags

LONGEST_HTML = 500_000
"""Characters that are converted; what stands behind them is for readers of the HTML."""

_NEVER_SHOWN = frozenset({"audio", "canvas", "datalist", "object", "select", "svg", "template", "video"})
_PARAGRAPHS = frozenset(
    {
        *(
            "blockquote",
            "dl",
            "fieldset",
            "figure",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "ol",
            "p",
            "pre",
        ),
        *("table", "ul"),
    }
)
_LINES = frozenset(
    {
        *(
            "address",
            "article",
            "aside",
            "body",
            "caption",
            "center",
            "dd",
            "details",
            "div",
            "dt",
            "figcaption",
        ),
        *("footer", "form", "header", "legend", "li", "main", "menu", "nav", "section", "summary", "tr"),
    }
)
_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,6})").match
_RULE = "-" * 40
_QUOTES = "\"'«»‘’“”„「『"


def text_of_html(html: str, marked: bool = False) -> str:
    """Takes HTML of any quality. marked: a template with marks for its tags; raises DependsOnValues where these
    decide about more than words.
    """
    return _Reading(html[:LONGEST_HTML], marked).text()


@dataclass(slots=True)
class _List:
    """step: 0 for one that is not numbered."""

    number: int
    step: int


class _Reading:
    def __init__(self, html: str, marked: bool) -> None:
        self._html = html
        self._marked = marked
        self._lines = TextLines()
        self._open = OpenElements(self._closed)
        self._raw = ""
        self._title = ""
        self._pictures: list[str] = []
        self._selectors: set[str] = set()
        self._hidden: int | None = None
        self._lists: list[_List] = []
        self._rows: list[bool] = []
        self._link: Link | None = None
        self._preformatted = 0
        self._quoting: list[str | None] = []

    def text(self) -> str:
        at = 0
        for tag in read_tags(self._html):
            if tag.start > at:
                self._characters(self._html[at : tag.start])
            at = tag.end
            if tag.name.startswith("/"):
                self._raw = ""
                self._open.end(tag.name[1:])
            elif tag.name:
                self._begin(tag)
        self._open.end_all()
        return self._lines.text().strip() + "\n" if self._lines.pieces else self._instead()

    def _instead(self) -> str:
        """What is said for a message of pictures that say nothing."""
        if self._marked and EXPRESSION in "".join(self._pictures):
            raise DependsOnValues
        return (" ".join(self._title.split()) or "\n".join(f"<{url}>" for url in self._pictures)) + "\n"

    def _characters(self, text: str) -> None:
        if self._raw:
            if self._raw == "style":
                self._selectors |= hidden_selectors(text, self._marked)
            elif self._raw == "title" and not self._title:
                self._title = unescape(text)
            return
        if self._hidden is not None:
            return
        if self._marked and self._counts_lines() and STATEMENT_MARK.search(text):
            raise DependsOnValues
        if "&" in text:
            text = unescape(text)
        if self._quoting and self._quoting[-1] is None:
            self._quote(text)
        if self._preformatted:
            self._lines.write_preformatted(text)
        else:
            self._lines.write(text)

    def _counts_lines(self) -> bool:
        """Whether what is written depends on how often, and on which line."""
        numbered = any(one.step for one in self._lists[-DEEPEST_LIST:])
        return numbered or self._lines.quotes > 0 or self._preformatted > 0

    def _quote(self, text: str) -> None:
        """The mark that begins a `q`, unless the text brings its own."""
        if text.strip():
            mark = "" if text.lstrip()[0] in _QUOTES else _QUOTES[0]
            self._quoting[-1] = mark
            self._lines.write(mark)

    def _begin(self, tag: Tag) -> None:
        if self._marked:
            tag = replace(tag, name=STATEMENT_MARK.sub("", tag.name))
            check_clear(self._html, tag, self._selectors)
        name = tag.name
        if name in RAW_TEXT:
            self._raw = name
        if name in VOID:
            if self._hidden is None:
                self._void(tag)
            return
        self._open.end_implied(name, self._link is not None)
        depth = self._open.begin(name)
        if self._hidden is not None:
            return
        if name in _NEVER_SHOWN or (
            tag.attributes and is_hidden(self._html, name, tag.attributes, self._selectors, self._marked)
        ):
            self._hidden = depth
        else:
            self._enter(tag, depth)

    def _void(self, tag: Tag) -> None:
        if tag.name == "br":
            self._lines.break_line()
        elif tag.name == "hr":
            self._open.end_implied("hr", self._link is not None)
            self._lines.end_line(2)
            self._lines.write(_RULE)
            self._lines.end_line(2)
        elif tag.name == "img" and not is_hidden(
            self._html, "img", tag.attributes, self._selectors, self._marked
        ):
            self._picture(tag)

    def _picture(self, tag: Tag) -> None:
        alt = (self._value(tag, "alt") or self._value(tag, "title")).strip()
        if alt:
            self._lines.space()
            self._lines.write(alt)
            self._lines.space()
            return
        if {self._value(tag, "width"), self._value(tag, "height")} == {"1"}:
            return
        url = url_of(self._value(tag, "src"))
        if url.lower().startswith(("http:", "https:", EXPRESSION)) and len(self._pictures) < 20:
            self._pictures.append(url)
        if self._link:
            self._link.pictured = True

    def _enter(self, tag: Tag, depth: int) -> None:
        name = tag.name
        if name in _PARAGRAPHS or name in _LINES:
            self._break(name)
        if name == "a":
            self._finish_link()
            label = self._value(tag, "aria-label") or self._value(tag, "title")
            self._link = Link(url_of(self._value(tag, "href")), len(self._lines.pieces), depth, label)
        elif name in ("td", "th"):
            self._lines.space()
        elif name == "tr":
            self._rows.append(False)
        elif name == "blockquote":
            self._lines.quotes += 1
        elif name in ("ul", "ol", "menu"):
            self._lists.append(self._list(tag))
            self._lines.lists += 1
        elif name == "li":
            self._item(tag)
        elif name == "pre":
            self._preformatted += 1
        elif name == "q":
            self._quoting.append(None)

    def _closed(self, name: str, depth: int) -> None:
        if self._hidden is not None:
            if depth == self._hidden:
                self._hidden = None
            return
        if name == "a":
            if self._link and self._link.depth == depth:
                self._finish_link()
        elif name == "tr":
            self._lines.end_line(2 if self._rows.pop() else 1)
        elif name == "blockquote":
            self._lines.quotes -= 1
        elif name in ("ul", "ol", "menu"):
            self._lists.pop()
            self._lines.lists -= 1
        elif name == "li":
            self._lines.marker = ""
        elif name == "pre":
            self._preformatted -= 1
        elif name == "q":
            self._lines.pieces.append(self._quoting.pop() or "")
        if name in _PARAGRAPHS or name in _LINES:
            self._break(name)

    def _break(self, name: str) -> None:
        """Before and after an element of its own lines."""
        whole = name in _PARAGRAPHS and not (self._lists and name in ("p", "ul", "ol"))
        if self._rows and name != "tr" and (name in _PARAGRAPHS or name == "div"):
            self._rows[-1] = True
        self._lines.end_line(2 if whole else 1)

    def _list(self, tag: Tag) -> _List:
        if tag.name != "ol":
            return _List(0, 0)
        step = -1 if any(one.name == "reversed" for one in tag.attributes) else 1
        return _List(self._whole_number(self._value(tag, "start"), 1), step)

    def _item(self, tag: Tag) -> None:
        if not self._lists or not self._lists[-1].step:
            self._lines.marker = "- "
            return
        inside = self._lists[-1]
        number = self._whole_number(self._value(tag, "value"), inside.number)
        self._lines.marker = f"{number}. "
        inside.number = number + inside.step

    def _whole_number(self, text: str, otherwise: int) -> int:
        if self._marked and EXPRESSION in text:
            raise DependsOnValues
        found = _NUMBER(text)
        return int(found[1]) if found else otherwise

    def _finish_link(self) -> None:
        link, self._link = self._link, None
        if link is None or not link.leads_somewhere(self._marked):
            return
        words = "".join(self._lines.pieces[link.start :]).strip()
        if not words and link.pictured:
            self._lines.write(f"{link.label} <{link.url}>")
            self._lines.space()
        elif words and not link.is_said_by(words):
            self._lines.attach_link(link.url)

    def _value(self, tag: Tag, name: str) -> str:
        found = next((one for one in tag.attributes if one.name == name), None)
        return attribute_value(self._html, found) if found else ""
