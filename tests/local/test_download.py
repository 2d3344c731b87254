"""A file from a server on this machine: whole and right in the folder, or an error and nothing in it."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import download, firestore
from infra.local.supervisor import StartFailure

CONTENT = b"a jar" * 200_000


@pytest.fixture
def source(tmp_path) -> Iterator[download.Source]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/emulator-v1.jar").write_bytes(CONTENT)

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "served"))

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/emulator-v1.jar"
        yield download.Source(url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
        server.shutdown()


def test_a_file_is_fetched_into_a_folder_that_is_made(source, tmp_path, capsys):
    fetched = download.fetch(source, tmp_path / "cache/warmpost")
    assert fetched == tmp_path / "cache/warmpost/emulator-v1.jar"
    assert fetched.read_bytes() == CONTENT
    assert [one.name for one in fetched.parent.iterdir()] == ["emulator-v1.jar"]
    told = capsys.readouterr()
    assert "emulator-v1.jar" in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "wrong",
    [{"sha256": "0" * 64}, {"size": 10}],
    ids=["another content", "longer than it is said"],
)
def test_a_file_that_does_not_match_is_refused_and_not_kept(source, tmp_path, wrong):
    with pytest.raises(OSError, match="is not the file that was expected"):
        download.fetch(replace(source, **wrong), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_ends_early_is_refused(source, tmp_path):
    (tmp_path / "served/emulator-v1.jar").write_bytes(CONTENT[:-1])
    with pytest.raises(OSError, match="is not the file that was expected"):
        download.fetch(source, tmp_path / "cache")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.jar", "http://no-such-host.invalid/x.jar"])
def test_a_server_that_does_not_answer_is_an_error(source, tmp_path, url):
    with pytest.raises(OSError, match=r"refused|not known|resolution|Name"):
        download.fetch(replace(source, url=url), tmp_path / "cache")


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """Nothing of Google's tools on it."""
    for name, value in {"PATH": "", "HOME": str(tmp_path), "FIRESTORE_EMULATOR_JAR": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(firestore, "SDK_ROOTS", ())
    monkeypatch.setattr(firestore, "DOWNLOADS", tmp_path / "cache")


def test_the_emulator_is_downloaded_once_where_there_is_none(bare_machine, source, monkeypatch, tmp_path):
    (tmp_path / "served/cloud-firestore-emulator-v1.jar").write_bytes(CONTENT)
    named = replace(source, url=source.url.replace("emulator-v1", "cloud-firestore-emulator-v1"))
    monkeypatch.setattr(firestore, "EMULATOR", named)
    first = firestore.find_jar()
    assert first == tmp_path / "cache/cloud-firestore-emulator-v1.jar"
    (tmp_path / "served/cloud-firestore-emulator-v1.jar").unlink()
    assert firestore.find_jar() == first


def test_a_machine_without_network_is_told_in_one_line_what_would_do(bare_machine, source, monkeypatch):
    monkeypatch.setattr(firestore, "EMULATOR", replace(source, url="http://127.0.0.1:9/x.jar"))
    with pytest.raises(StartFailure) as told:
        firestore.find_jar()
    assert "it could not be downloaded: <urlopen error [Errno 111] Connection refused>" in str(told.value)
    assert "gcloud components install cloud-firestore-emulator" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_jar_that_is_named_and_not_there_is_not_replaced_by_another(bare_machine, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_JAR", "/nowhere/emulator.jar")
    with pytest.raises(StartFailure, match="FIRESTORE_EMULATOR_JAR names no file: /nowhere"):
        firestore.find_jar()


def test_what_is_downloaded_is_named_with_a_whole_digest():
    assert len(firestore.EMULATOR.sha256) == 64
    assert Path(firestore.EMULATOR.name).suffix == ".jar"
