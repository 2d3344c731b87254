"""Mail clients that others wrote, each as its manual says: what it is given, and what it says in the end."""

from __future__ import annotations

import json
import os
import shutil
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.bench.needs import SENDERS
from infra.checks.tools import node_modules_of
from tests.e2e.clients.mails import Mail, whole_message

HERE = Path(__file__).parent
PHPMAILER = Path("/usr/share/php/libphp-phpmailer/src/PHPMailer.php")
SECONDS = 60


@dataclass(frozen=True)
class Access:
    """tls: STARTTLS or TLS from the first byte, as the client likes best, with the credential; else neither."""

    host: str
    port: int
    tls_port: int
    user: str
    password: str
    certificate: str
    folder: Path
    tls: bool = True


@dataclass(frozen=True)
class Outcome:
    """words: everything that the client said."""

    accepted: bool
    words: str


@dataclass(frozen=True)
class Program:
    """missing: why it cannot run here, empty where it can. whole: it sends the octets that it is given.

    partial: of 51 recipients the 50 that are taken get the message, as the client means it. is_silent: and nobody is
    told of the other.
    """

    name: str
    send: Callable[[Access, Mail, str], Outcome]
    missing: str = ""
    whole: bool = False
    partial: bool = False
    is_silent: bool = False


def by_smtplib(access: Access, mail: Mail, sender: str) -> Outcome:
    try:
        with smtplib.SMTP(access.host, access.port, timeout=SECONDS) as client:
            if access.tls:
                client.starttls(context=ssl.create_default_context(cafile=access.certificate))
                client.login(access.user, access.password)
            refused = client.sendmail(sender, [*mail.to, *mail.bcc], whole_message(mail, sender))
            return Outcome(not refused, str(refused))
    except smtplib.SMTPException as error:
        return Outcome(False, repr(error))


def by_swaks(access: Access, mail: Mail, sender: str) -> Outcome:
    """STARTTLS and AUTH LOGIN."""
    content = access.folder / "swaks.eml"
    content.write_bytes(whole_message(mail, sender))
    tls = ["--tls", "--tls-verify", "--tls-ca-path", access.certificate] if access.tls else []
    login = ["--auth", "LOGIN", "--auth-user", access.user, "--auth-password", access.password]
    command = ["swaks", "--server", f"{access.host}:{access.port}", *tls, *(login if access.tls else [])]
    command += ["--from", sender, "--to", ",".join([*mail.to, *mail.bcc]), "--data", f"@{content}"]
    return _run([*command, "--hide-informational", "--suppress-data"])


def by_msmtp(access: Access, mail: Mail, sender: str) -> Outcome:
    """TLS from the first byte; it reads the recipients from the header, and takes Bcc out of it itself."""
    settings = access.folder / "msmtprc"
    port = access.tls_port if access.tls else access.port
    lines = ["account default", f"host {access.host}", f"port {port}", f"from {sender}"]
    if access.tls:
        lines += ["tls on", "tls_starttls off", f"tls_trust_file {access.certificate}"]
        lines += ["auth plain", f"user {access.user}", f"password {access.password}"]
    settings.touch(mode=0o600)
    settings.write_text("\n".join(lines) + "\n")
    content = whole_message(mail, sender).replace(b"\r\n", b"\n")
    return _run(["msmtp", "-d", "-C", str(settings), "-t"], content)


def by_curl(access: Access, mail: Mail, sender: str) -> Outcome:
    content = access.folder / "curl.eml"
    content.write_bytes(whole_message(mail, sender))
    url = f"smtps://{access.host}:{access.tls_port}" if access.tls else f"smtp://{access.host}:{access.port}"
    command = ["curl", "-v", "--no-progress-meter", "--url", url, "--cacert", access.certificate]
    command += ["--user", f"{access.user}:{access.password}"] if access.tls else []
    command += ["--mail-from", sender, "--upload-file", str(content)]
    for recipient in (*mail.to, *mail.bcc):
        command += ["--mail-rcpt", recipient]
    return _run(command)


def _given(access: Access, mail: Mail, sender: str) -> bytes:
    settings = {name: value for name, value in access.__dict__.items() if name != "folder"}
    return json.dumps({**settings, **mail.as_json(), "from": sender}).encode()


def by_nodemailer(access: Access, mail: Mail, sender: str) -> Outcome:
    node_path = {"NODE_PATH": str(node_modules_of("nodemailer", SENDERS))}
    return _run(["node", str(HERE / "nodemailer_send.js")], _given(access, mail, sender), **node_path)


def by_phpmailer(access: Access, mail: Mail, sender: str) -> Outcome:
    command = ["php", "-d", "memory_limit=256M", str(HERE / "phpmailer_send.php"), str(PHPMAILER.parent)]
    return _run(command, _given(access, mail, sender))


def by_django(access: Access, mail: Mail, sender: str) -> Outcome:
    """It has no setting for the certificate that it trusts; Python's OpenSSL has."""
    command = [sys.executable, str(HERE / "django_send.py")]
    return _run(command, _given(access, mail, sender), SSL_CERT_FILE=access.certificate)


def _run(command: list[str], stdin: bytes = b"", **environment: str) -> Outcome:
    done = subprocess.run(
        command,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        env={**os.environ, **environment},
    )
    return Outcome(done.returncode == 0, done.stdout.decode(errors="replace"))


def _without(program: str, package: str) -> str:
    return "" if shutil.which(program) else f"{program} is not here: apt-get install {package}"


def _without_php() -> str:
    return _without("php", "php-cli") or (
        "" if PHPMAILER.exists() else "PHPMailer is not here: apt-get install libphp-phpmailer"
    )


PROGRAMS: list[Any] = [
    Program("smtplib", by_smtplib, whole=True, partial=True),
    Program("swaks", by_swaks, _without("swaks", "swaks"), whole=True, partial=True),
    Program("msmtp", by_msmtp, _without("msmtp", "msmtp"), whole=True),
    Program("curl", by_curl, _without("curl", "curl"), whole=True),
    Program("nodemailer", by_nodemailer, _without("npm", "nodejs npm"), partial=True),
    Program("phpmailer", by_phpmailer, _without_php(), partial=True),
    Program("django", by_django, partial=True, is_silent=True),
]
