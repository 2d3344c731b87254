"""What the measurement needs beside Warmpost: Postfix's test programs, and nodemailer in a directory of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra.local.bootstrap import ROOT

PLACE = ROOT / ".warmpost" / "bench"
SENDERS = Path(__file__).parent / "senders"
LOCK = SENDERS / "package-lock.json"
POSTFIX = (
    "smtp-sink and smtp-source are missing; they come with Postfix: `apt-get install postfix` (Debian, Ubuntu) "
    "or `brew install postfix`"
)
NODE = "node and npm are missing: `apt-get install nodejs npm`, or see nodejs.org"


class Missing(Exception):
    """Something has to be installed first; the text says what and how, in one line."""


def postfix_tool(name: str) -> str:
    """Raises Missing."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise Missing(POSTFIX)
    return found


def get_postfix() -> None:
    """Install Debian's `postfix` where it is missing and may be; nothing of it is started. Raises Missing."""
    try:
        postfix_tool("smtp-sink")
        return
    except Missing:
        if os.getuid() or shutil.which("apt-get") is None:
            raise
    _say("installing Debian's postfix for smtp-sink and smtp-source (once)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "postfix"]):
        subprocess.run(["apt-get", *command], env=environment, stdout=sys.stderr)
    postfix_tool("smtp-sink")


def get_nodemailer() -> dict[str, str]:
    """Install what `package-lock.json` names, once for each version of it; the environment node needs. Raises Missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing(NODE)
    stamp, wanted = PLACE / "installed", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        PLACE.mkdir(parents=True, exist_ok=True)
        _say("installing nodemailer and nunjucks into .warmpost/bench (once)")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SENDERS / name, PLACE / name)
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=PLACE, stdout=sys.stderr)
        if done.returncode:
            raise Missing("npm could not install nodemailer and nunjucks (its words are above)")
        stamp.write_text(wanted)
    return {"NODE_PATH": str(PLACE / "node_modules"), "NODE_ENV": "production"}


def _say(text: str) -> None:
    print(f"dev.py: {text}", file=sys.stderr, flush=True)
