"""Lines of plain text as they are put together: breaks and spaces wait until something follows them."""

from __future__ import annotations

import re

_DEEPEST_QUOTE = 4
DEEPEST_LIST = 6
_SPACES = re.compile("[ \t\n\r\f\xa0\u2007]+")
_INVISIBLE = "\u00ad\u034f\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_FILLED = re.compile(f"[ {_INVISIBLE}]{{6,}}")
_SHOWN = re.compile(f"[^{_INVISIBLE}]")
_LEAST_FILLERS = 3
_FOLLOWS_A_LINK = re.compile(r"[.,;:!?)\]}»”’…]")


class TextLines:
    """quotes, lists: how deep what comes next is quoted (`> `) and indented. marker: of a list item, until written."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.quotes = 0
        self.lists = 0
        self.marker = ""
        self._breaks = 0
        self._space = False
        self._after_link = False
        self._quoted = 0

    def end_line(self, breaks: int = 1) -> None:
        """breaks: 2 for an empty line below. What was asked for before counts too."""
        if self.pieces:
            self._breaks = max(self._breaks, breaks)

    def break_line(self) -> None:
        """One more break, up to an empty line."""
        if self.pieces:
            self._breaks = min(self._breaks + 1, 2)

    def space(self) -> None:
        self._space = True

    def write(self, text: str) -> None:
        """White space as HTML has it: any of it is one space; runs of invisible characters, which only fill, are one."""
        text = _SPACES.sub(" ", text)
        text = _FILLED.sub(_unfilled, text)
        words = text.strip(" ")
        if text[:1] == " ":
            self._space = True
        if words:
            self._begin(words)
            self.pieces.append(words)
            self._space = text[-1] == " "

    def write_preformatted(self, text: str) -> None:
        for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
            if number:
                self.break_line()
            words = line.rstrip()
            if words:
                new = bool(self._breaks) or not self.pieces
                self._space = self._space or words[0] in " \t"
                self._begin(words)
                self.pieces.append(words if new else words.lstrip())
                self._space = words != line

    def attach_link(self, url: str) -> None:
        """Behind the words it belongs to, on their line."""
        self.pieces.append(f" <{url}>")
        self._after_link = True

    def text(self) -> str:
        return "".join(self.pieces)

    def _begin(self, words: str) -> None:
        if self._breaks or not self.pieces:
            if self._breaks == 2:
                self.pieces.append("\n" + "> " * min(self._quoted, self.quotes, _DEEPEST_QUOTE))
                self.pieces[-1] = self.pieces[-1].rstrip(" ")
            if self._breaks:
                self.pieces.append("\n")
            self.pieces.append("> " * min(self.quotes, _DEEPEST_QUOTE) + self._indent())
            self._quoted = self.quotes
        elif self._space or (self._after_link and not _FOLLOWS_A_LINK.match(words)):
            self.pieces.append(" ")
        self._breaks, self._space, self._after_link = 0, False, False

    def _indent(self) -> str:
        depth = min(self.lists, DEEPEST_LIST)
        marker, self.marker = self.marker, ""
        return "  " * (depth - 1) + marker if marker and depth else "  " * depth


def _unfilled(found: re.Match[str]) -> str:
    return " " if len(_SHOWN.sub("", found[0])) >= _LEAST_FILLERS else found[0]
