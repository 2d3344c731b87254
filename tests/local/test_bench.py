"""`dev.py bench`, with a handful of messages: that it measures what it says, not how fast anything is."""

from __future__ import annotations

import io
import shutil

import pytest
from rich.console import Console

from infra.bench import needs, relay
from infra.bench.bench import measure
from infra.bench.engines import ENGINES, ONE_CORE, PIPELINE, RSA, SMTP_SOURCE, TEXTBOOK, Course, Failed
from infra.bench.figures import summed_up
from infra.bench.relay import open_delay, open_sink
from infra.bench.rounds import WORKER, Field, Scale
from infra.bench.senders.job import Measured
from infra.bench.table import markdown, show
from infra.bench.verify import unverified

sink_needed = pytest.mark.skipif(
    not (shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")),
    reason="smtp-sink comes with Postfix",
)
TINY = Scale(rounds=1, seconds=0.02, warm_up=10)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=110)


@sink_needed
async def test_everybody_delivers_every_message_with_a_signature_that_holds():
    """`measure` fails where the relay's count is not what was sent, or a signature does not verify."""
    keys = [WORKER, *(one.key for one in (PIPELINE, ONE_CORE, TEXTBOOK, SMTP_SOURCE, RSA))]
    report = await measure(keys, TINY, {}, quiet())
    assert set(report.figures) >= {(key, Course.NEAR) for key in keys} | {(PIPELINE.key, Course.FAR)}
    assert all(9_000 < size < 14_000 for size in report.sizes.values()), report.sizes
    assert set(report.sizes) == {WORKER, PIPELINE.key, ONE_CORE.key, TEXTBOOK.key}
    console = quiet()
    show(report, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for text in ("Warmpost, all stored, 1 worker", TEXTBOOK.name, "wanted", "reached", "≥ 0.85"):
        assert text in shown
        assert text in markdown(report)


@sink_needed
@pytest.mark.slow
async def test_nodemailer_delivers_every_message_with_a_signature_that_holds():
    keys = [one.key for one in ENGINES if one.needs_node]
    report = await measure(keys, TINY, needs.get_nodemailer(), quiet())
    assert {key for key, _ in report.figures} == set(keys) == set(report.sizes)


@sink_needed
async def test_message_that_did_not_arrive_fails_the_measurement(monkeypatch):
    monkeypatch.setattr(relay, "COUNTING", 0.1)
    with open_sink() as sink:

        class Lossy:
            async def run(self, *_: object, **__: object) -> Measured:
                return Measured(10, 1.0)

        field = Field(Lossy(), sink, sink, sink.port, {})
        with pytest.raises(Failed, match="did not arrive"):
            await field.measure(PIPELINE.key, Course.NEAR, TINY)


@sink_needed
def test_way_across_a_distance_takes_its_time():
    import smtplib
    import time

    with open_sink() as sink, open_delay(sink.port, 200) as far, smtplib.SMTP("127.0.0.1", far) as smtp:
        began = time.perf_counter()
        smtp.noop()
        assert time.perf_counter() - began >= 0.19


def test_unsigned_message_is_not_taken_for_verified(tmp_path):
    file = tmp_path / "m.1"
    file.write_bytes(b"From: a@bench.example\n\nHello\n")
    assert unverified([file], {}) == ["m.1"]


def test_one_disturbed_round_does_not_move_the_median():
    rounds = [Measured(100, seconds, 0.1, 50.0) for seconds in (1.0, 1.0, 10.0)]
    figures = summed_up(rounds)
    assert figures.rate == 100
    assert figures.spread == pytest.approx(0.45)
    assert figures.cpu == pytest.approx(1.0)
