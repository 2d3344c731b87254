"""The demo as its users run it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from infra.local.bootstrap import ROOT
from infra.local.demo.smtp import Handed, unaccounted

COMMAND = [sys.executable, str(ROOT / "infra" / "dev.py"), "demo"]


def run(*arguments: str, cwd: Path = ROOT) -> tuple[int, str]:
    ended = subprocess.run([*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300)
    return ended.returncode, ended.stdout + ended.stderr


def test_demo_accounts_for_everybody_and_shows_every_kind_of_ending():
    code, shown = run()
    assert code == 0, shown
    assert "All 981 recipients are accounted for" in shown
    assert "12 rows rejected, 7 duplicates" in shown
    for words in (
        "tom@@mail.example",
        "7 columns where the header has 6",
        "550 5.1.1",
        "uncertain",
        "deferred",
    ):
        assert words in shown
    assert re.search(r"[0-9,]+ recipients/s", shown)
    [writes] = re.findall(r"([0-9.]+) Firestore writes per 1,000 recipients", shown)
    assert float(writes) < 100


def test_own_list_with_fewer_columns_can_be_made_longer(tmp_path):
    (tmp_path / "mine.csv").write_text("email,name\nada@mail.example,Ada\nbob@mail.example,Bob\nnobody,\n")
    code, shown = run("--recipients", "mine.csv", "--count", "40", cwd=tmp_path)
    assert code == 0, shown
    assert "All 39 recipients are accounted for" in shown
    assert "the address has no @" in shown


def test_demo_hands_each_mail_in_by_smtp_and_shows_the_gateways_words(tmp_path):
    rows = (
        "ada@mail.example",
        "bob@@mail.example",
        "reply-550-typo@mail.example",
        "ADA@mail.example",
        "eva@mail.example",
    )
    (tmp_path / "mine.csv").write_text("email\n" + "\n".join(rows) + "\n")
    code, shown = run("--smtp", "--recipients", "mine.csv", cwd=tmp_path)
    assert code == 0, shown
    assert "for 3 mails to mine.csv" in shown and "1 refused, 1 duplicates left out" in shown
    assert "553 5.1.3" in shown and "550 5.1.1" in shown
    assert "All 3 recipients are accounted for" in shown and "2 messages in the inbox" in shown


@pytest.mark.parametrize("other", ["--warmup", "--events"])
def test_demo_by_smtp_is_a_story_of_its_own(other):
    code, shown = run("--smtp", other)
    assert code == 2 and "--smtp has its own way in" in shown


def line(address: str, status: str) -> dict[str, str]:
    return {"to": address, "status": status}


@pytest.mark.parametrize(
    ("lines", "arrived", "words"),
    [
        ([line("a@x", "sent"), line("b@x", "bounced")], {"a@x": 1}, ""),
        ([line("a@x", "sent"), line("b@x", "deferred")], {"a@x": 1, "b@x": 3}, ""),
        ([line("a@x", "sent")], {"a@x": 1}, "2 were answered 250, 1 messages are known"),
        ([line("a@x", "sent"), line("b@x", "sent")], {"a@x": 1}, "sent and not in the inbox: b@x"),
        (
            [line("a@x", "sent"), line("b@x", "sent")],
            {"a@x": 2, "b@x": 1},
            "more than once in the inbox: a@x",
        ),
        (
            [line("a@x", "sent"), line("b@x", "bounced")],
            {"a@x": 1, "b@x": 1},
            "in the inbox and not sent: b@x",
        ),
    ],
)
def test_mails_by_smtp_that_do_not_add_up_are_told(lines, arrived, words):
    handed = Handed(ids={"a@x": "m1", "b@x": "m2"})
    assert "; ".join(unaccounted(handed, lines, Counter(arrived))) == words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,city\nAda,London\n", "email"),
        (b"email,name\n", "empty"),
        (b"email,name\nada@mail.example,J\xb3rgen\n", "UTF-8"),
    ],
)
def test_list_that_cannot_be_sent_to_ends_the_demo_with_the_reason(tmp_path, content, words):
    (tmp_path / "mine.csv").write_bytes(content)
    code, shown = run("--recipients", str(tmp_path / "mine.csv"))
    assert code == 1
    assert words in shown
    assert "Traceback" not in shown


def test_missing_file_is_said_before_anything_starts():
    code, shown = run("--recipients", "/nowhere/list.csv")
    assert (code, "No such file" in shown, "stack" in shown) == (1, True, False)


def test_kept_demo_leaves_its_inbox_open_until_it_is_interrupted(tmp_path):
    (tmp_path / "mine.csv").write_text("email\nada@mail.example\n")
    command = [*COMMAND, "--keep", "--recipients", str(tmp_path / "mine.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            shown = iter(process.stdout.readline, "")
            inbox = next(found[1] for line in shown if (found := re.search(r"at the mails: (http\S+)", line)))
            [message] = httpx.get(f"{inbox}/api/messages").json()["messages"]
            assert "ada@mail.example" in str(message["to"])
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(inbox)
