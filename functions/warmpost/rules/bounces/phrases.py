"""The phrases of `phrases.tsv`, found in the words of a reply. How they are written stands at the top of that file.

Phrases are kept by their longest word, so that a reply is compared only with those it can hold; that is linear in the
length of the reply.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

MOST_GAP = 60
"""Characters that `…` in a phrase stands for."""
FILE = Path(__file__).with_name("phrases.tsv")

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_CHOICE = re.compile(r"\{([^{}]*)\}")
_CLAUSE_END = re.compile(r"[.;!?] ")
_ALIKE = (
    ("’", "'"),
    ("can't", "cannot"),
    ("can not", "cannot"),
    ("won't", "will not"),
    ("n't", " not"),
    ("-", " "),
    ("_", " "),
    ("–", " "),
    ("e mail", "email"),
    ("mail box", "mailbox"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """is_hint: an enhanced status code that says something comes before it."""

    pattern: str
    bounce_class: str
    source: str
    is_hint: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The classes of the first certain line and of the first hint that hold; empty for none."""

    certain: str = ""
    hint: str = ""


def normalize(text: str) -> str:
    """Lower case, one space between words, spellings that mean the same made the same."""
    said = text.lower()
    if not said.isascii():
        said = "".join(c for c in unicodedata.normalize("NFKD", said) if not unicodedata.combining(c))
        said = unicodedata.normalize("NFC", said)
    for one, other in _ALIKE:
        if one in said:
            said = said.replace(one, other)
    return " ".join(said.split())


def read_lines(text: str) -> tuple[Line, ...]:
    """Raises ValueError for a line that is none, with its number."""
    names: dict[str, str] = {}
    lines: list[Line] = []
    for number, written in enumerate(text.splitlines(), 1):
        if written.startswith("@") and " = " in written and "\t" not in written:
            name, _, choices = written.partition(" = ")
            names[name] = choices
        elif written and not written.startswith("#"):
            try:
                pattern, bounce_class, source = written.split("\t")
            except ValueError:
                raise ValueError(f"line {number} is not pattern, class, source") from None
            for name, choices in names.items():
                pattern = pattern.replace(f"{{{name}}}", f"{{{choices}}}")
            lines.append(Line(pattern, bounce_class.rstrip("?"), source, bounce_class.endswith("?")))
    return tuple(lines)


def spelled_out(pattern: str) -> Iterator[str]:
    """The phrases that a pattern stands for."""
    pieces = _CHOICE.split(pattern)
    choices = [piece.split("|") if place % 2 else [piece] for place, piece in enumerate(pieces)]
    return ("".join(chosen) for chosen in product(*choices))


@dataclass(slots=True)
class PhraseBook:
    lines: tuple[Line, ...]
    by_word: dict[str, list[tuple[int, tuple[str, ...]]]] = field(default_factory=dict)
    foreign: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        seen: set[tuple[str, ...]] = set()
        for rank, line in enumerate(self.lines):
            for phrase in spelled_out(line.pattern):
                pieces = tuple(filter(None, (normalize(piece) for piece in phrase.split("…"))))
                if pieces and pieces not in seen:
                    seen.add(pieces)
                    self._keep(rank, pieces)

    def _keep(self, rank: int, pieces: tuple[str, ...]) -> None:
        words = _WORD.findall(" ".join(pieces))
        if words and all(map(str.isascii, pieces)):
            self.by_word.setdefault(max(words, key=len), []).append((rank, pieces))
        else:
            self.foreign.append((rank, pieces))

    def find(self, said: str) -> Found:
        """said: normalized."""
        candidates = [each for word in set(_WORD.findall(said)) for each in self.by_word.get(word, ())]
        if not said.isascii():
            candidates += self.foreign
        certain = hint = len(self.lines)
        for rank, pieces in candidates:
            is_hint = self.lines[rank].is_hint
            if rank < (hint if is_hint else certain) and _holds(said, pieces):
                certain, hint = (certain, rank) if is_hint else (rank, hint)
        return Found(
            *(self.lines[each].bounce_class if each < len(self.lines) else "" for each in (certain, hint))
        )


def _holds(said: str, pieces: tuple[str, ...]) -> bool:
    """Whether the pieces follow each other, each at a word's beginning, within one clause and MOST_GAP."""
    start = _find(said, pieces[0], 0, len(said))
    while start >= 0:
        end = start + len(pieces[0])
        for piece in pieces[1:]:
            found = _find(said, piece, end, end + MOST_GAP + len(piece))
            if found < 0 or _CLAUSE_END.search(said, end, found):
                break
            end = found + len(piece)
        else:
            return True
        start = _find(said, pieces[0], start + 1, len(said))
    return False


def _find(said: str, piece: str, start: int, end: int) -> int:
    found = said.find(piece, start, end)
    while found > 0 and piece[0].isalnum() and piece[0].isascii() and said[found - 1].isalnum():
        if not said[found - 1].isascii():
            break
        found = said.find(piece, found + 1, end)
    return found


@cache
def phrase_book() -> PhraseBook:
    """Read when the first reply is to be judged."""
    return PhraseBook(read_lines(FILE.read_text(encoding="utf-8")))
