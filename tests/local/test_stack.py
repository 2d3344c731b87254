"""The local stack as its users see it: what `up` prints, what survives, what is left behind."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import httpx
import pytest

from infra.local import firestore
from infra.local.bootstrap import ROOT
from infra.local.ports import free_ports, is_free
from tests.running_stack import RunningStack

GROUPS = ("functions", "tasks", "firestore", "inbox", "dns", "submission")


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with RunningStack("--workers", "2") as running:
        yield running


def ports_of(info: dict) -> list[int]:
    addresses = [info["url"], info["inbox_url"], info["smtp"], info["firestore"], info["tasks"], info["dns"]]
    return [int(address.rsplit(":", 1)[1]) for address in addresses]


def is_alive(pid: int) -> bool:
    """False for a process that has ended, whether or not anybody has collected its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition: Callable[[], bool], within: float = 30.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def nothing_is_left_of(info: dict) -> bool:
    pids = [pid for group in info["pids"].values() for pid in group]
    return not any(map(is_alive, pids)) and all(map(is_free, ports_of(info)))


def refusal(*arguments: str, **environment: str) -> str:
    """What `up` says when it cannot start: one line and exit code 1."""
    ended = subprocess.run(
        [sys.executable, "infra/dev.py", "up", "--json", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    first, *lines = ended.stderr.splitlines()
    assert first == "dev.py: starting the local stack"
    assert len(lines) == 1
    return lines[0]


def lookup(stack: RunningStack, name: str) -> dns.message.Message:
    port = int(stack.info["dns"].rsplit(":", 1)[1])
    return dns.query.udp(dns.message.make_query(name, "TXT"), "127.0.0.1", port=port, timeout=5)


def test_everything_answers_once_the_line_is_printed(stack):
    assert httpx.get(f"http://{stack.info['firestore']}/").text.strip() == "Ok"
    assert httpx.get(f"{stack.info['inbox_url']}/healthz").status_code == 200
    assert httpx.get(f"http://{stack.info['tasks_http']}/healthz").status_code == 200
    for part in ("smtp", "tasks"):
        host, port = stack.info[part].split(":")
        socket.create_connection((host, int(port)), timeout=5).close()
    assert Path(stack.info["inbox_dir"]).parent == Path(stack.info["data"])


def test_stack_route_says_what_up_printed(stack):
    told = stack.get("/_local/stack")
    assert told == stack.info
    assert {group: len(pids) for group, pids in told["pids"].items()} == {
        "functions": 2,
        "tasks": 1,
        "firestore": 1,
        "inbox": 1,
        "dns": 1,
        "submission": 1,
    }


def test_published_record_is_answered_until_it_is_removed(stack):
    record = {"name": "_dmarc.shop.example", "type": "TXT", "values": ["v=DMARC1; p=none"]}
    assert httpx.post(f"{stack.url}/_local/dns", json=record).json() == record
    assert "v=DMARC1; p=none" in lookup(stack, "_dmarc.shop.example").answer[0].to_text()
    httpx.post(f"{stack.url}/_local/dns", json={**record, "values": []}).raise_for_status()
    assert lookup(stack, "_dmarc.shop.example").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        ("/_local/dns", {"name": "a.example", "type": "TXT"}, "missing_field", "values"),
        ("/_local/dns", {"name": "a.example", "type": "TXT", "values": [], "ttl": 5}, "unknown_field", "ttl"),
        ("/_local/dns", {"name": "a.example", "type": "SOA", "values": ["x"]}, "invalid_record", None),
        ("/_local/dns", {"name": "a..example", "type": "TXT", "values": ["x"]}, "invalid_record", None),
        ("/_local/clock", {}, "invalid_field", "advance_seconds"),
        ("/_local/clock", {"advance_seconds": -1}, "invalid_field", "advance_seconds"),
        ("/_local/clock", {"advance_to": "2001-01-01T00:00:00Z"}, "invalid_field", "advance_to"),
        ("/_local/clock", {"advance_to": "2999-01-01T00:00:00"}, "invalid_field", "advance_to"),
    ],
)
def test_bad_orders_to_the_stack_are_refused_with_the_contracts_error(stack, path, body, code, field):
    answer = httpx.post(stack.url + path, json=body)
    assert answer.status_code == 422
    assert (answer.json()["error"]["code"], answer.json()["error"].get("field")) == (code, field)
    assert answer.json()["request_id"]


def test_unknown_function_is_not_found(stack):
    answer = httpx.get(f"{stack.url}/no-such-function/7")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_clock_moves_forward_for_every_worker(stack):
    before = stack.get("/_local/clock")["offset_seconds"]
    moved = httpx.post(f"{stack.url}/_local/clock", json={"advance_seconds": 3600}, timeout=60).json()
    assert moved["offset_seconds"] == pytest.approx(before + 3600, abs=5)
    for _ in range(8):  # each a new connection, so that both workers are asked
        assert stack.get("/_local/clock")["offset_seconds"] == moved["offset_seconds"]


def test_killed_workers_lose_neither_requests_nor_figures(stack):
    httpx.get(f"{stack.url}/send/nothing")
    before = stack.get("/_local/operations")
    killed = stack.pids("functions")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not any(map(is_alive, killed)))
    httpx.get(f"{stack.url}/send/nothing", timeout=60)  # waits in the socket that the supervisor holds
    assert stack.get("/_local/operations")["invocations"] == before["invocations"] + 1
    assert eventually(lambda: not set(stack.pids("functions")) & set(killed))
    assert eventually(lambda: len(stack.pids("functions")) == 2)


@pytest.mark.parametrize("group", ["tasks", "inbox", "dns", "submission"])
def test_killed_part_comes_back_where_it_was(stack, group):
    [killed] = stack.pids(group)
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: stack.pids(group) not in ([], [killed]))
    if group == "dns":
        assert eventually(lambda: not is_free(int(stack.info["dns"].rsplit(":", 1)[1])))
    elif group == "submission":
        assert eventually(lambda: not is_free(stack.info["smtp_submission"]["port"]))
    else:
        address = stack.info["inbox_url"] if group == "inbox" else f"http://{stack.info['tasks_http']}"
        assert eventually(lambda: answers(f"{address}/healthz"))


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_stack_leaves_no_process_port_or_file(number):
    stack = RunningStack()
    assert stack.stop(number) == 0
    assert nothing_is_left_of(stack.info)
    assert not Path(stack.info["data"]).exists()


def test_stack_killed_outright_leaves_no_process_or_port(tmp_path):
    stack = RunningStack("--data", str(tmp_path))
    assert stack.stop(signal.SIGKILL) == -signal.SIGKILL
    assert eventually(lambda: nothing_is_left_of(stack.info))


def test_kept_data_goes_on_the_next_time(tmp_path):
    document = "{firestore}/v1/projects/{project}/databases/(default)/documents/shelf/book"
    with RunningStack("--data", str(tmp_path)) as first:
        url = "http://" + document.format(**first.info)
        httpx.patch(url, json={"fields": {"title": {"stringValue": "Sand"}}}).raise_for_status()
        record = {"name": "kept.example", "type": "TXT", "values": ["yes"]}
        httpx.post(f"{first.url}/_local/dns", json=record).raise_for_status()
        httpx.post(f"{first.url}/_local/clock", json={"advance_seconds": 60}, timeout=60).raise_for_status()
    with RunningStack("--data", str(tmp_path)) as second:
        assert {**second.info, "pids": {}} == {**first.info, "pids": {}}
        fields = httpx.get("http://" + document.format(**second.info)).json()["fields"]
        assert fields == {"title": {"stringValue": "Sand"}}
        assert lookup(second, "kept.example").answer
        assert second.get("/_local/clock")["offset_seconds"] == pytest.approx(60, abs=5)
        assert f"another stack is using {tmp_path}" in refusal("--data", str(tmp_path))


def test_taken_port_is_named():
    [port] = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        assert refusal("--port", str(port)) == f"dev.py: port {port} is in use by another program"


def test_missing_emulator_is_told_in_one_line_that_says_how_to_get_it():
    line = refusal(FIRESTORE_EMULATOR_JAR="/nowhere/emulator.jar", FIRESTORE_EMULATOR_HOST="")
    assert "gcloud components install cloud-firestore-emulator" in line


def test_emulator_that_runs_already_is_used_and_left_running(tmp_path):
    [port] = free_ports(1)
    emulator = subprocess.Popen(
        firestore.command(port, tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}/"))
        with RunningStack(environment={"FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{port}"}) as stack:
            assert stack.info["firestore"] == f"127.0.0.1:{port}"
            assert stack.info["pids"]["firestore"] == []
        assert answers(f"http://127.0.0.1:{port}/")
    finally:
        emulator.kill()
        emulator.wait()


def test_older_python_is_told_what_is_needed():
    pretend = "import runpy, sys; sys.version_info = (3, 10); sys.version = '3.10.0 (older)'; "
    run = "sys.argv = ['dev.py', 'test']; runpy.run_path('infra/dev.py', run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", pretend + run], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (1, "dev.py: needs Python 3.11 or newer, this is 3.10.0\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WARMPOST_LEVELS", "{bad"),
        ("WARMPOST_CLAIM_BATCH", "0"),
        ("WARMPOST_PROVIDERS", '{"gmial": {"per_second": 1}}'),
    ],
)
def test_a_wrong_setting_is_refused_by_name_before_anything_starts(name, value):
    assert refusal(**{name: value}).startswith(f"dev.py: {name}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "99999"], "--port: must be a port from 1 to 65535"),
        (["--workers", "none"], "--workers: must be a whole number above 0"),
        (["--duplicate-rate", "2"], "--duplicate-rate: must be a share from 0 to 1"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_a_wrong_option_is_one_line(arguments, words):
    ended = subprocess.run(
        [sys.executable, "infra/dev.py", "up", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_people_get_lines_to_paste_that_send_at_once(tmp_path):
    command = [sys.executable, "infra/dev.py", "up", "--log-requests", "--data", str(tmp_path)]
    for _ in range(2):  # the second start finds the sandbox of the first
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            told = iter(running.stdout.readline, "")
            exported = next(line for line in told if line.startswith("export URL="))
            pasted = exported + next(told) + next(told) + next(told)
            answers = subprocess.run(["bash", "-c", pasted], capture_output=True, text=True, timeout=60)
            logged = [" ".join(line.split()[1:4]) for line in itertools.islice(told, 4)]
            running.terminate()
        assert "SECRET=" in exported
        single, batch = (json.loads(one) for one in answers.stdout.replace("}{", "}\n{").splitlines())
        assert (single["status"], single["recipients"], batch["recipients"]) == ("queued", 1, 10)
        assert "POST /send 202" in logged
        assert running.returncode == 0
