"""Every word of the console is spoken in every language, and templates hold no style or script."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from warmpost.gateways.console import words

FOLDER = Path(words.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
SAID = re.compile(r'\b_\(\s*"((?:[^"\\]|\\.)*)"')


CODES = """planning sending paused done cancelled failed verified pending open blocked active ended failing disabled off
delivered sent queued held deferred bounced complained uncertain suppressed missing wrong submitted missed skipped starting
degraded down raised lowered resumed kept complaint unsubscribe dropped domain provider day yesterday today tomorrow
Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec Sending Content Senders Results Set-up""".split()
"""What the API answers and pages say as it is, and what templates do not write themselves."""


def spoken() -> set[str]:
    found = {ast.literal_eval(f'"{text}"') for file in TEMPLATES for text in SAID.findall(file.read_text())}
    found |= (
        {words.NAMES.get(one, one) for one in found}
        | set(words.NAMES.values())
        | set(words.DONE.values())
        | set(CODES)
    )
    return {words.NAMES.get(one, one) for one in found}


@pytest.mark.parametrize("language", [one for one in words.LANGUAGES if one != "en"])
def test_every_word_is_translated_with_the_same_values(language):
    table = json.loads((words.FOLDER / f"{language}.json").read_text("utf-8"))
    assert not spoken() - table.keys()
    values = re.compile(r"\{\w+\}")
    wrong = [
        english
        for english, other in table.items()
        if set(values.findall(english)) != set(values.findall(other))
    ]
    assert not wrong


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_of_pages_holds_no_style_no_handler_and_no_script(file):
    if file.name in ("plain_mail.html", "preview_problem.html"):  # shown in the sandbox, as mails are
        return
    text = file.read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|\bjs:|<script(?![^>]* src=)", text)
    assert "|safe" not in text and "autoescape false" not in text


def test_vendored_files_are_those_that_are_named():
    import hashlib

    told = (FOLDER / "assets" / "VENDORED.md").read_text()
    for name, digest in re.findall(r"\| `([\w.]+)` \|.*\| `([0-9a-f]{64})` \|", told):
        assert hashlib.sha256((FOLDER / "assets" / name).read_bytes()).hexdigest() == digest, name
    assert len(re.findall(r"^\| `", told, re.M)) == 2
