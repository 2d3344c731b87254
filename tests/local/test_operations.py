from __future__ import annotations

from infra.local.operations import SharedMeter, create, totals


def test_counts_of_all_workers_add_up_and_outlive_a_meter(tmp_path):
    create(tmp_path / "operations", workers=2)
    for row in (0, 1, 1):  # the second worker was started twice
        meter = SharedMeter(tmp_path / "operations", row)
        meter.read(3)
        meter.write(500)
        meter.delete(1)
        meter.invocation()
    assert totals(tmp_path / "operations") == {"reads": 9, "writes": 1500, "deletes": 3, "invocations": 3}
