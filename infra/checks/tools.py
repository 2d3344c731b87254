"""Tools of the checks that the project itself does not run on, each installed once below `.warmpost/checks`."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

from infra.local.bootstrap import ROOT

CHECKS = ROOT / "infra" / "checks"
INSTALLED = ROOT / ".warmpost" / "checks"

NO_METADATA_SERVER = {
    "NO_GCE_CHECK": "true",
    "GCE_METADATA_HOST": "127.0.0.1:1",
    "GCE_METADATA_IP": "127.0.0.1:1",
    "METADATA_SERVER_DETECTION": "none",
    "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
}
"""For whatever may look for credentials: on a machine in the cloud a check finds no others than on one at home. The
first three are google-auth's, the next its sister's for Node, the last gcloud's."""

PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def installed_once(name: str, wanted: str, install: Callable[[Path], None]) -> Path:
    """The folder that `install` has filled, anew whenever `wanted`, what it was installed by, is another."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    folder, stamp = INSTALLED / name, INSTALLED / f"{name}.installed"
    with (INSTALLED / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text("utf-8") != wanted:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            stamp.write_text(wanted, "utf-8")
    return folder


def python_with(name: str, requirements: Path) -> Path:
    """A Python whose environment holds these requirements and nothing else. Raises CalledProcessError."""

    def install(folder: Path) -> None:
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "python", *PIP, "install", "-r", requirements], check=True)

    return installed_once(name, requirements.read_text("utf-8"), install) / "bin" / "python"


def node_modules_of(name: str, package: Path) -> Path:
    """`node_modules` as the lock file in that folder says. Raises CalledProcessError."""

    def install(folder: Path) -> None:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(package / file, folder)
        quiet = ["--silent", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
        subprocess.run(["npm", "ci", *quiet], cwd=folder, check=True)

    lock = (package / "package-lock.json").read_text("utf-8")
    return installed_once(name, lock, install) / "node_modules"
