#!/usr/bin/env python3
"""Warmpost on this machine: `up` runs it, `demo` shows it, `test` tests it, `bench` measures it. Needs Python 3.11."""

import argparse
import os
import sys
from importlib import import_module
from typing import NoReturn

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 (runs on any Python)


RUNNERS = {
    "up": "infra.local.up:run_up",
    "bench": "infra.bench.bench:run_bench",
    "demo": "infra.local.demo.demo:run_demo",
    "warmup": "infra.local.demo.warmup:run_warmup",
    "events": "infra.local.demo.events:run_events",
}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage above it."""
        self.exit(2, f"{self.prog}: {message}; --help shows what there is\n")


def share(text: str) -> float:
    return _number(text, 1, "a share from 0 to 1")


def amount(text: str) -> float:
    return _number(text, float("inf"), "a number of 0 or more")


def per_cent(text: str) -> float:
    return _number(text, 100, "a share from 0 to 100")


def _number(text: str, most: float, words: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 <= value <= most and value != float("inf"):
        return value
    raise argparse.ArgumentTypeError(f"must be {words}, not {text!r}")


def positive(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text!r}")


def port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a port from 1 to 65535, not {text!r}")


def arguments() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(prog="dev.py", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="up | demo | test | bench")
    add_up(commands)
    add_demo(commands)
    commands.add_parser("test", help="run the tests; further arguments go to pytest")
    add_bench(commands)
    return parser


def add_up(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = commands.add_parser("up", help="start the local stack and keep it running until Ctrl-C")
    up.add_argument("--json", action="store_true", help="print one line of JSON once everything answers")
    up.add_argument(
        "--port", type=port, default=0, metavar="N", help="port of the functions (default: a free one)"
    )
    up.add_argument("--data", metavar="DIR", help="keep everything in DIR and go on from there the next time")
    up.add_argument(
        "--sandbox",
        action=argparse.BooleanOptionalAction,
        help="begin with sandbox.example, a domain that may send, a template and a list of ten (unless --json)",
    )
    up.add_argument(
        "--log-requests", action="store_true", help="print method, path, status and ms of each request"
    )
    add_circumstances(up)
    add_faults(up)


def add_circumstances(up: argparse.ArgumentParser) -> None:
    up.add_argument(
        "--relay",
        default="",
        metavar="URL",
        help="send through smtp[s]://user:pass@host:port?starttls=… instead of into the inbox",
    )
    up.add_argument(
        "--workers", type=positive, default=1, metavar="N", help="processes that handle requests (1)"
    )
    up.add_argument(
        "--duplicate-rate",
        type=share,
        default=0.0,
        metavar="P",
        help="share of tasks delivered twice, 0 to 1 (0)",
    )


def add_faults(up: argparse.ArgumentParser) -> None:
    """What the cloud does and an emulator on the same machine does not."""
    faults = up.add_argument_group("faults", "between the functions and Firestore, and of clocks")
    faults.add_argument(
        "--firestore-latency", type=amount, default=0, metavar="MS", help="each answer takes longer"
    )
    for name, what in (
        ("aborts", "commits refused"),
        ("lost-answers", "commits applied whose answer is lost"),
        ("read-failures", "reads that fail"),
    ):
        faults.add_argument(f"--firestore-{name}", type=per_cent, default=0, metavar="PERCENT", help=what)
    faults.add_argument(
        "--firestore-contention",
        type=amount,
        default=0,
        metavar="N",
        help="refuse commits on documents above N writes a second; the service sustains 1",
    )
    faults.add_argument(
        "--clock-skew",
        type=amount,
        default=0,
        metavar="S",
        help="worker 1 is S seconds ahead, worker 2 behind …",
    )


def add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser(
        "demo", help="send a newsletter to a list and show what became of every recipient"
    )
    demo.add_argument("--recipients", metavar="FILE.csv", help="header row with `email` and any variables")
    demo.add_argument(
        "--count", type=positive, default=0, metavar="N", help="make the list N recipients long"
    )
    demo.add_argument(
        "--smtp",
        action="store_true",
        help="hand the newsletter in as any mail program does, message by message through the SMTP submission port",
    )
    demo.add_argument("--keep", action="store_true", help="leave the stack and the inbox open until Ctrl-C")
    add_other_stories(demo)


def add_other_stories(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--warmup",
        action="store_true",
        help="watch a fresh domain warm up over days that pass in seconds: --count recipients (60000), as lists are "
        "with old addresses first (7 %% are gone), then worse and better ones, and why each day's level moved",
    )
    demo.add_argument(
        "--bounce-rate",
        type=share,
        metavar="P",
        help="with --warmup: share of addresses that are gone, spread evenly; below 0.05 a day is enough, at 0.07 "
        "the level never rises, above 0.11 the domain is blocked",
    )
    demo.add_argument(
        "--events",
        action="store_true",
        help="see what becomes of a batch after the relay took it: bounces, complaints, readers, and a receiver of "
        "notifications that is down for the first minute",
    )


def add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    bench = commands.add_parser(
        "bench", help="measure it beside nodemailer, the textbook loop and bare SMTP (4 minutes)"
    )
    bench.add_argument(
        "--quick", action="store_true", help="fewer messages and rounds: 90 seconds, more noise"
    )
    bench.add_argument(
        "--long",
        action="store_true",
        help="then also a worker's memory over 200,000 recipients, and 1,000,000 recipients from CSV; these take "
        "minutes more, because only size shows whether memory and time grow with it",
    )
    bench.add_argument(
        "--markdown", action="store_true", help="print the block that stands in infra/README.md"
    )


def demo_flaw(options: argparse.Namespace) -> str:
    if options.smtp and (options.warmup or options.events):
        return "--smtp has its own way in: no --warmup, no --events"
    if options.warmup and (options.recipients or options.keep):
        return "--warmup makes its own list and keeps no mail: no --recipients, no --keep"
    if options.events and (options.warmup or options.recipients or options.count or options.keep):
        return "--events has its own story: no --warmup, --recipients, --count or --keep"
    return (
        "--bounce-rate belongs to --warmup" if options.bounce_rate is not None and not options.warmup else ""
    )


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever reads the line that says so runs an older one)
        sys.exit("dev.py: needs Python 3.11 or newer, this is " + sys.version.split()[0])
    sys.path[0] = ROOT
    parser = arguments()
    options, rest = parser.parse_known_args()
    if rest and options.command != "test":
        parser.error("unrecognized arguments: " + " ".join(rest))
    if options.command == "demo" and (flaw := demo_flaw(options)):
        parser.error(flaw)

    run(options, rest)


def run(options: argparse.Namespace, rest: list[str]) -> None:
    from infra.local import bootstrap

    bootstrap.enter_environment(tests=options.command == "test")
    if options.command == "test":
        bootstrap.run_pytest(rest)
    sys.path.append(os.path.join(ROOT, "functions"))  # noqa: PTH118
    story = next((one for one in ("warmup", "events") if getattr(options, one, False)), options.command)
    module, runner = RUNNERS[story].split(":")
    getattr(import_module(module), runner)(options)


if __name__ == "__main__":
    main()
