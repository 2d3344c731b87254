"""Alerts go by words that the functions say, and the runbook has a line for each."""

from __future__ import annotations

import re

from infra.local.bootstrap import ROOT
from warmpost.rules.operations.log_events import WORDS

TERRAFORM = "\n".join(file.read_text("utf-8") for file in (ROOT / "infra/terraform").glob("*.tf"))
RUNBOOK = (ROOT / "infra/README.md").read_text("utf-8")


def test_alerts_go_by_words_that_are_said():
    listed = re.findall(r"words = \[(.*?)\]", TERRAFORM)
    words = {word for one in listed for word in re.findall(r'"(\w+)"', one)}
    assert words and words <= WORDS.keys()


def test_the_runbook_lists_every_alert():
    names = re.findall(r'says = "(.*?)"', TERRAFORM) + re.findall(
        r'= "Warmpost: ([^"$]+)"\n  combiner', TERRAFORM
    )
    assert len(names) > 10
    assert [name for name in names if f"| {name} |" not in RUNBOOK] == []


def test_alerts_point_to_sections_that_there_are():
    sections = set(re.findall(r'section = "(.+?)"', TERRAFORM)) | set(
        re.findall(r"README\.md, “(\w.+?)”", TERRAFORM)
    )
    assert sections
    assert [one for one in sections if f"### {one}" not in RUNBOOK and f"**{one}**" not in RUNBOOK] == []
