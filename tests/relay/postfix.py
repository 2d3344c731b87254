"""Debian's Postfix with the shipped configuration, in a directory and on ports of its own; no mail leaves the machine."""

from __future__ import annotations

import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local import launch
from infra.local.bootstrap import ROOT
from infra.local.ports import free_ports, is_free

KIT = ROOT / "infra" / "relay"
PATIENCE = 60.0
HOST, USER, PASSWORD = "relay.localhost", "warmpost", "let-me-in"
MISSING = "the relay's tests need Postfix: apt-get install -y postfix libsasl2-modules sasl2-bin"
STOP_AT_END_OF_INPUT = 'cat; postfix -c "$0" stop'
"""Input ends with whoever started it, however that ends."""
QUICK = {
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "2s",
    "queue_run_delay": "1s",
    "delay_warning_time": "1s",
}


def wait_for(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.05)


class Postfix:
    """submission, smtp: ports on 127.0.0.1. It delivers to whatever `start` is told, and nowhere else."""

    def __init__(self) -> None:
        assert is_installed(), MISSING
        self.directory = Path(tempfile.mkdtemp(prefix="warmpost-postfix-"))
        self.directory.chmod(0o755)
        self.config = self.directory / "etc"
        self.log = self.directory / "log"
        self.events = self.directory / "events.conf"
        self.submission, self.smtp = free_ports(2)
        self._guard: subprocess.Popen[bytes] | None = None

    def start(
        self, sink: str, events_url: str, secret: str, transports: Mapping[str, tuple[str, str]] | None = None
    ) -> None:
        """sink: host:port of the SMTP server that takes everything. events_url: of the function `event_webhook`.

        transports: by name, which address they send from and the sink they send to.
        """
        host, _, port = sink.partition(":")
        self._install()
        self._add(transports or {})
        self.tell(events_url, secret)
        self.set(
            myhostname=HOST,
            mynetworks="192.0.2.1/32",
            inet_interfaces="127.0.0.1",
            inet_protocols="ipv4",
            relayhost=f"[{host}]:{port}",
            smtp_dns_support_level="disabled",
            smtp_host_lookup="native",
            queue_directory=str(self.directory / "queue"),
            data_directory=str(self.directory / "data"),
            meta_directory="/etc/postfix",
            maillog_file=str(self.log),
            maillog_file_prefixes=str(self.directory),
            smtpd_tls_cert_file=str(self.config / "cert.pem"),
            smtpd_tls_key_file=str(self.config / "key.pem"),
            **QUICK,
        )
        self._guard = subprocess.Popen(
            ["sh", "-c", STOP_AT_END_OF_INPUT, str(self.config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.run("start")
        wait_for(lambda: not is_free(self.submission), f"a listener\n{self.read_log()}")

    def _install(self) -> None:
        """As the README says, with paths, ports and the user of this machine."""
        shutil.copytree(KIT, self.directory / "opt" / "relay", ignore=shutil.ignore_patterns("__pycache__"))
        self.config.mkdir()
        for name in ("main.cf", "transport", "reports", "pools", "unmark"):
            shutil.copy(KIT / name, self.config / name)
        (self.directory / "queue").mkdir(mode=0o755)
        data = self.directory / "data"
        data.mkdir(mode=0o700)
        shutil.chown(data, "postfix")
        services = (KIT / "master.cf").read_text()
        services = re.sub(r"^smtp( +inet)", rf"127.0.0.1:{self.smtp}\1", services, flags=re.MULTILINE)
        services = re.sub(
            r"^submission( +inet)", rf"127.0.0.1:{self.submission}\1", services, flags=re.MULTILINE
        )
        services = services.replace("user=warmpost", "user=nobody")
        services = services.replace("/etc/warmpost/events.conf", f"{self.events} --patience 1")
        services = services.replace("/opt/warmpost", str(self.directory / "opt"))
        (self.config / "master.cf").write_text(services)
        self._let_in()
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj"
        keys = ["-keyout", str(self.config / "key.pem"), "-out", str(self.config / "cert.pem")]
        subprocess.run([*command.split(), f"/CN={HOST}", *keys], check=True, capture_output=True)

    def _add(self, transports: Mapping[str, tuple[str, str]]) -> None:
        """As the examples in the files say."""
        pools, services = self.config / "pools", self.config / "master.cf"
        choices = "".join(
            f"/^X-Warmpost-Pool: *{name} *$/  FILTER {name}:[{sink.partition(':')[0]}]:{sink.partition(':')[2]}\n"
            for name, (_, sink) in transports.items()
        )
        pools.write_text(choices + pools.read_text())
        with services.open("a") as file:
            for name, (address, _) in transports.items():
                file.write(f"{name} unix - - n - - smtp -o smtp_bind_address={address}\n")

    def _let_in(self) -> None:
        """The account that `relay_url` names."""
        sasl = self.config / "sasl"
        sasl.mkdir()
        conf = (KIT / "sasl" / "smtpd.conf").read_text()
        (sasl / "smtpd.conf").write_text(conf.replace("/etc/postfix", str(self.config)))
        command = ["saslpasswd2", "-p", "-c", "-f", str(sasl / "sasldb2"), "-u", HOST, USER]
        subprocess.run(command, input=PASSWORD, text=True, check=True)
        shutil.chown(sasl / "sasldb2", "root", "postfix")
        (sasl / "sasldb2").chmod(0o640)

    @property
    def relay_url(self) -> str:
        return f"smtp://{USER}:{PASSWORD}@127.0.0.1:{self.submission}?verify=no&reports=events"

    def tell(self, events_url: str, secret: str) -> None:
        """Where reports go from now on."""
        lines = [
            "[events]",
            f"url = {events_url}",
            *(f"{name} = {secret}" for name in ("dsn", "arf", "warmpost")),
        ]
        draft = self.events.with_suffix(".new")
        draft.write_text("\n".join(lines) + "\n")
        draft.chmod(0o640)
        shutil.chown(draft, "root", "nogroup")
        draft.replace(self.events)

    def set(self, **values: str) -> None:
        """Into main.cf; a running instance needs `run("reload")`."""
        pairs = [f"{name}={value}" for name, value in values.items()]
        subprocess.run(["postconf", "-c", str(self.config), "-e", *pairs], check=True)

    def run(self, verb: str) -> None:
        done = subprocess.run(["postfix", "-c", str(self.config), verb], capture_output=True, text=True)
        assert done.returncode == 0, f"postfix {verb}: {done.stdout}{done.stderr}\n{self.read_log()}"

    @contextmanager
    def submitting(self) -> Iterator[smtplib.SMTP]:
        """A client on 587 that is let in."""
        with smtplib.SMTP("127.0.0.1", self.submission) as server:
            server.starttls()
            server.login(USER, PASSWORD)
            yield server

    @contextmanager
    def following(self) -> Iterator[None]:
        """The log follower as a service would run it."""
        options = {"config": self.events, "log": self.log, "state": self.directory / "follow.json"}
        command = ["/usr/bin/python3", "-m", "relay.follow"]
        command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
        process = subprocess.Popen(
            [sys.executable, launch.__file__, str(os.getpid()), *command], cwd=self.directory / "opt"
        )
        yield
        process.terminate()
        assert process.wait(10) == 0

    def read_log(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._guard is not None:
            self._guard.communicate()
        shutil.rmtree(self.directory, ignore_errors=True)


def is_installed() -> bool:
    return bool(shutil.which("postfix") and shutil.which("saslpasswd2"))


def may_run() -> bool:
    return os.geteuid() == 0
