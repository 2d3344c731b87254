"""Letters made to tell of their readers: links through `track`, a picture to be fetched, a link to unsubscribe.

Done once for each template, on its syntax tree: what stays for each message is one signature for each link. A link
that is the same for all becomes a constant around a token; one that the template puts together is captured when it is
written and signed then. Nothing else in the HTML is touched.

Left alone is what cannot be seen to arrive unchanged: links inside values, `filter` and `set` blocks, macros whose
result is used in another way than written, and URLs that begin in one branch of a template and end in another.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from jinja2 import nodes

from warmpost.adapters.templates.html_links import Href, find_links
from warmpost.rules.html.tags import EXPRESSION, STATEMENT
from warmpost.rules.message.languages import footer_of
from warmpost.rules.tracking.tokens import pack_destination
from warmpost.rules.tracking.tracking import Marks, Reader, destination_of

_PIXEL = '" width="1" height="1" alt="" style="border:0;width:1px;height:1px">'

_SETTING = (nodes.Assign, nodes.AssignBlock, nodes.Macro)  # what they set is seen beyond the link


@dataclass(slots=True)
class _Atom:
    """One node of a body: text, a value written, or a tag; where it stands in the flattened source."""

    node: nodes.Node
    start: int
    end: int
    body: _Body


@dataclass(slots=True)
class _Edit:
    """href None: what is added at a place."""

    start: int
    end: int
    href: Href | None
    link: int = 0


@dataclass(slots=True)
class _Body:
    """A list of nodes that are run one after the other."""

    nodes: list[nodes.Node]
    atoms: list[_Atom] = field(default_factory=list)
    edits: list[_Edit] = field(default_factory=list)


@dataclass(slots=True)
class _Source:
    """A template as one text, with marks for its tags."""

    text: list[str] = field(default_factory=list)
    length: int = 0
    bodies: list[_Body] = field(default_factory=list)
    texts: list[_Atom] = field(default_factory=list)
    macros: list[nodes.Macro] = field(default_factory=list)

    def add(self, body: _Body, node: nodes.Node, text: str) -> None:
        atom = _Atom(node, self.length, self.length + len(text), body)
        self.text.append(text)
        self.length = atom.end
        body.atoms.append(atom)
        if isinstance(node, nodes.TemplateData):
            self.texts.append(atom)

    def text_at(self, place: int) -> _Atom | None:
        """The constant text that holds the character at a place."""
        index = bisect_right(self.texts, place, key=lambda atom: atom.start) - 1
        found = self.texts[index] if index >= 0 else None
        return found if found and place < found.end else None


def mark_html(tree: nodes.Template, marks: Marks) -> nodes.Template:
    """The same tree, changed: links, picture and footer as `marks` says."""
    source = _flatten(tree.body)
    found = find_links("".join(source.text))
    bodies = list(source.bodies)
    if marks.track.clicks:
        links = _choose(source, found.hrefs, 0)
        for macro in source.macros:
            if _is_only_written(tree, macro.name):
                inner = _flatten(macro.body)
                links = _choose(inner, find_links("".join(inner.text)).hrefs, links)
                bodies += inner.bodies
    added = _added(marks)
    if added:
        _place_addition(source, found.body_end)
    for body in bodies:
        if body.edits:
            body.nodes[:] = _rebuilt(body, marks, added)
    if tree.environment is not None:
        tree.set_environment(tree.environment)
    return tree


def mark_text(tree: nodes.Template, marks: Marks) -> nodes.Template:
    """A plain text's tree with the footer below."""
    if marks.footer:
        before, after = _text_footer(marks)
        token = _call("_unsubscribed", nodes.Const("", lineno=1), [], 1)
        tree.body.append(_output([_text(before), token, _text(after)]))
        if tree.environment is not None:
            tree.set_environment(tree.environment)
    return tree


def text_footer(marks: Marks, reader: Reader) -> str:
    """What `mark_text` adds, written out."""
    before, after = _text_footer(marks)
    return f"{before}{reader.unsubscribe()}{after}"


def _text_footer(marks: Marks) -> tuple[str, str]:
    words = footer_of(marks.language).text
    return f"\n-- \n{words}{marks.base}/u/", f"{marks.page_language}\n"


def _flatten(body: list[nodes.Node]) -> _Source:
    source = _Source()
    _flatten_body(body, source)
    return source


def _flatten_body(listed: list[nodes.Node], source: _Source) -> None:
    body = _Body(listed)
    source.bodies.append(body)
    for node in listed:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                source.add(body, child, child.data if isinstance(child, nodes.TemplateData) else EXPRESSION)
            continue
        start = source.length
        source.add(body, node, STATEMENT)
        atom = body.atoms[-1]
        for inner in _branches(node):
            _flatten_body(inner, source)
            source.text.append(STATEMENT)
            source.length += 1
        atom.start, atom.end = start, source.length
        if isinstance(node, nodes.Macro):
            source.macros.append(node)


def _branches(node: nodes.Node) -> Iterable[list[nodes.Node]]:
    if isinstance(node, nodes.If):
        return [node.body, *(one.body for one in node.elif_), node.else_]
    if isinstance(node, nodes.For):
        return [node.body, node.else_]
    return [node.body] if isinstance(node, nodes.With) else []


def _is_only_written(tree: nodes.Template, macro: str) -> bool:
    """Whether everything a macro makes goes straight into the message."""
    named = sum(name.name == macro and name.ctx == "load" for name in tree.find_all(nodes.Name))
    written = sum(
        isinstance(child, nodes.Call) and isinstance(child.node, nodes.Name) and child.node.name == macro
        for output in tree.find_all(nodes.Output)
        for child in output.nodes
    )
    blocks = tree.find_all((nodes.AssignBlock, nodes.FilterBlock))
    kept = any(next(block.find_all(nodes.Call), None) for block in blocks)
    return named == written and not kept


def _choose(source: _Source, hrefs: Sequence[Href], links: int) -> int:
    """Note the links that can be rewritten; returns how many there are by now."""
    for href in hrefs:
        first, last = source.text_at(href.start - 1), source.text_at(href.end)
        if first and last and first.body is last.body:
            first.body.edits.append(_Edit(href.start, href.end, href, links))
            links += 1
    return links


def _place_addition(source: _Source, body_end: int | None) -> None:
    """Before `</body>` where the template always writes it, else at the end."""
    top = source.bodies[0]
    atom = source.text_at(body_end) if body_end is not None else None
    place = source.length if body_end is None or atom is None or atom.body is not top else body_end
    top.edits.append(_Edit(place, place, None))


def _rebuilt(body: _Body, marks: Marks, added: Sequence[nodes.Expr]) -> list[nodes.Node]:
    """The body's nodes with its edits made; texts and values that follow each other share an Output again."""
    made: list[nodes.Node] = []
    atoms = deque(_cut(body))
    for edit in [*body.edits, None]:
        until = edit.start if edit else None
        while atoms and (until is None or atoms[0].end <= until):
            made.append(atoms.popleft().node)
        if edit is None:
            break
        if edit.href is None:
            made += added
            continue
        inside: list[nodes.Node] = []
        while atoms and atoms[0].end <= edit.end:
            inside.append(atoms.popleft().node)
        made += _linked(inside, edit.href, edit.link, marks)
    return _grouped(made)


def _cut(body: _Body) -> list[_Atom]:
    """The body's atoms, texts divided where edits begin and end."""
    body.edits.sort(key=lambda edit: (edit.start, edit.end))
    places = sorted(place for edit in body.edits for place in (edit.start, edit.end))
    cut: list[_Atom] = []
    for atom in body.atoms:
        if not isinstance(atom.node, nodes.TemplateData):
            cut.append(atom)
            continue
        inner = places[bisect_right(places, atom.start) : bisect_left(places, atom.end)]
        bounds = [atom.start, *dict.fromkeys(inner), atom.end]
        for start, end in pairwise(bounds):
            text = atom.node.data[start - atom.start : end - atom.start]
            cut.append(_Atom(_text(text, atom.node.lineno), start, end, body))
    return cut


def _linked(inside: list[nodes.Node], href: Href, link: int, marks: Marks) -> list[nodes.Node]:
    if len(inside) == 1 and isinstance(inside[0], nodes.TemplateData):
        destination = destination_of(inside[0].data, marks.base)
        packed = pack_destination(destination) if destination else None
        if packed is None:
            return inside
        line = inside[0].lineno
        return [
            _text(f"{marks.base}/c/", line),
            _call("_clicked", nodes.Const(packed, lineno=line), [link], line),
            _text(f".{packed}", line),
        ]
    if any(isinstance(node, _SETTING) or next(node.find_all(_SETTING), None) for node in inside):
        return inside
    line = inside[0].lineno
    capture = _call("_followed", None, [link, marks.base, href.quote], line)
    return [nodes.FilterBlock(_grouped(inside), capture, lineno=line)]


def _grouped(made: list[nodes.Node]) -> list[nodes.Node]:
    grouped: list[nodes.Node] = []
    run: list[nodes.Expr] = []
    for node in made:
        if isinstance(node, nodes.Expr):
            run.append(node)
            continue
        if run:
            grouped.append(_output(run))
            run = []
        grouped.append(node)
    if run:
        grouped.append(_output(run))
    return grouped


def _added(marks: Marks) -> list[nodes.Expr]:
    """The footer and the picture, as they stand before `</body>`."""
    made: list[nodes.Expr] = []
    if marks.footer:
        words = footer_of(marks.language)
        made += [_text(words.before), *_unsubscribe_link(marks), _text(words.after)]
    if marks.track.opens:
        made += [
            _text(f'<img src="{marks.base}/o/'),
            _call("_opened", nodes.Const("", lineno=1), [], 1),
            _text(f".gif{_PIXEL}"),
        ]
    return made


def _unsubscribe_link(marks: Marks) -> list[nodes.Expr]:
    token = _call("_unsubscribed", nodes.Const("", lineno=1), [], 1)
    return [_text(f"{marks.base}/u/"), token, _text(marks.page_language)]


def _call(name: str, value: nodes.Expr | None, arguments: Sequence[object], line: int) -> nodes.Filter:
    constants = [nodes.Const(one, lineno=line) for one in arguments]
    return nodes.Filter(value, name, constants, [], None, None, lineno=line)


def _text(text: str, line: int = 1) -> nodes.TemplateData:
    return nodes.TemplateData(text, lineno=line)


def _output(written: list[nodes.Expr]) -> nodes.Output:
    return nodes.Output(written, lineno=written[0].lineno)
