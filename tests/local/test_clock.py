from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC

import pytest

from infra.local.bootstrap import ROOT
from infra.local.clock import MovableClock


def test_an_unmoved_clock_shows_the_machines_time(tmp_path):
    with MovableClock(tmp_path / "clock") as clock:
        before = time.time()
        assert before <= clock.timestamp() <= time.time()
        assert clock.offset == 0
        assert clock.now().tzinfo is UTC


def test_a_moved_clock_is_moved_for_every_process(tmp_path):
    with MovableClock(tmp_path / "clock") as mover, MovableClock(tmp_path / "clock") as reader:
        mover.offset = 20 * 86400.0
        assert reader.offset == 20 * 86400.0
        program = (
            "import sys; from infra.local.clock import MovableClock; print(MovableClock(sys.argv[1]).offset)"
        )
        other = [sys.executable, "-c", program, str(mover.path)]
        assert subprocess.check_output(other, cwd=ROOT, text=True) == "1728000.0\n"


def test_a_clock_keeps_its_offset_when_it_is_opened_again(tmp_path):
    with MovableClock(tmp_path / "clock") as clock:
        clock.offset = 1.5
    with MovableClock(tmp_path / "clock") as clock:
        assert clock.offset == 1.5


def test_time_never_moves_backward(tmp_path):
    with MovableClock(tmp_path / "clock") as clock:
        clock.offset = 60.0
        with pytest.raises(ValueError, match="backward"):
            clock.offset = 59.0
        assert clock.offset == 60.0
