"""`demo --warmup`, as its users run it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from infra.local.bootstrap import ROOT
from infra.local.demo.warmup import COUNT, recipients

COMMAND = [sys.executable, str(ROOT / "infra" / "dev.py"), "demo"]


def run(*arguments: str) -> tuple[int, str]:
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=300)
    return ended.returncode, " ".join((ended.stdout + ended.stderr).split())


def test_few_bounces_raise_the_level_until_all_is_out_on_one_day():
    code, shown = run("--warmup", "--count", "2000", "--bounce-rate", "0.02")
    assert code == 0, shown
    assert "raised 1→2: 500 of 500 sent (100 %)" in shown
    assert "foreseen if the level stays 4" in shown
    assert "All 2,000 recipients are accounted for" in shown


def test_more_bounces_keep_the_level_down_day_after_day():
    code, shown = run("--warmup", "--count", "1300", "--bounce-rate", "0.07")
    assert code == 0, shown
    assert "paused: kept at 1: U1 lacks invalid < 5 % (now 7 %)" in shown
    assert "what happened 3" in shown
    assert "All 1,300 recipients are accounted for" in shown


def test_very_many_bounces_block_the_domain():
    code, shown = run("--warmup", "--count", "800", "--bounce-rate", "0.12")
    assert code == 0, shown
    assert "blocked for the rest of" in shown
    assert "300 failed" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--warmup", "--keep"], "keeps no mail"),
        (["--bounce-rate", "0.1"], "belongs to --warmup"),
        (["--warmup", "--bounce-rate", "2"], "--bounce-rate"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, words):
    code, shown = run(*arguments)
    assert code == 2
    assert words in shown


def test_the_list_bounces_as_much_as_was_asked_for():
    made = list(recipients(COUNT, 0.07))
    assert len(set(made)) == COUNT
    assert sum(one.startswith("reply-550-") for one in made) == COUNT * 7 // 100
    assert sum(one.startswith("reply-550-") for one in made[:500]) == 35


@pytest.mark.parametrize("count", [1, 7, 999, COUNT])
def test_the_list_has_the_length_that_was_asked_for(count):
    assert len(list(recipients(count, None))) == count
