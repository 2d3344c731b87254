"""The project's own `.venv`, made from the requirement files by whatever Python runs this; standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
TO_RUN = ("requirements.txt", "infra/requirements.txt")
TO_TEST = (*TO_RUN, "tests/requirements.txt")


def enter_environment(tests: bool) -> None:
    """Make `.venv` hold what the requirement files name, then go on inside it: does not return where this
    process is not in it yet (the process id stays)."""
    prepare(TO_TEST if tests else TO_RUN)
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        sys.stdout.flush()
        os.execv(PYTHON, [str(PYTHON), *sys.argv])  # noqa: S606


SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")
"""How all tests run: half of them wait for processes, not for a processor."""


def run_pytest(arguments: Sequence[str]) -> None:
    """Become pytest. Paths among the arguments are relative to the root of the repository.

    All tests run side by side; a choice of them, or what talks to the terminal, does not.
    """
    os.chdir(ROOT)
    everything = not any(
        one.startswith(("tests", "-n", "-s", "-m", "-k", "--pdb", "--lf")) for one in arguments
    )
    options = (*SIDE_BY_SIDE, *arguments) if everything else arguments
    os.execv(PYTHON, [str(PYTHON), "-m", "pytest", *options])  # noqa: S606


def prepare(files: Sequence[str]) -> None:
    """Install `files` unless the stamp of an earlier time says that nothing has changed since."""
    wanted = {name: _fingerprint(ROOT / name) for name in files}
    if wanted.items() <= _stamp().items():
        return
    with _alone():
        stamp = _stamp()  # another process may have done it while this one waited
        if wanted.items() <= stamp.items():
            return
        started = time.monotonic()
        if not PYTHON.exists():
            _say("making .venv")
            _make_environment()
        _say(f"installing {', '.join(files)} into .venv (once, takes about a minute)")
        _install(files)
        _stamp_file().write_text(json.dumps(stamp | wanted))
        _say(f".venv is ready after {time.monotonic() - started:.0f} s")


def _make_environment() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(
            f"dev.py: Python's venv module is missing: `apt-get install python{version}-venv`, then again"
        )
    made = subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], capture_output=True, text=True)
    if made.returncode:
        sys.exit(f"dev.py: cannot make .venv: {(made.stderr or made.stdout).strip()}")


def _install(files: Sequence[str]) -> None:
    if told := pip_install(*(part for name in files for part in ("-r", str(ROOT / name)))):
        print(told, file=sys.stderr)
        sys.exit("dev.py: pip could not install the requirements (its words are above)")


def pip_install(*what: str) -> str:
    """What pip said, where it could not; empty where it could, whatever it said then."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return (ended.stdout.strip() or f"exit code {ended.returncode}") if ended.returncode else ""


def _fingerprint(file: Path) -> str:
    """Also differs between Python versions: wheels do."""
    return f"{sys.version_info[:2]} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def _stamp_file() -> Path:
    return ENVIRONMENT / ".installed.json"


def _stamp() -> dict[str, str]:
    try:
        return dict(json.loads(_stamp_file().read_text()))
    except (OSError, ValueError):
        return {}


@contextmanager
def _alone() -> Iterator[None]:
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(f"dev.py: {text}", file=sys.stderr, flush=True)
