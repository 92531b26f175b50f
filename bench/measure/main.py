"""The command."""

import argparse
import pathlib
import resource
import signal
import sys
import tempfile
import time

from . import install, table
from .processes import Failed
from .programs import Tools
from .rows import every
from .session import Session

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def parse(text):
    parser = argparse.ArgumentParser(prog="bench/run", description=text, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--binary", metavar="PATH")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def one_round(session, rows, number, results):
    """Every row against everybody; who is first changes from round to round. How many failed."""
    failed = 0
    for row in rows:
        present = [contender for contender in row.contenders if contender.is_present(session.tools)]
        turn = number % max(len(present), 1)
        figures = results.setdefault(row.name, [])
        figures.append({})
        for contender in present[turn:] + present[:turn]:
            began = time.monotonic()
            try:
                figures[-1][contender.label] = row.measure(session, contender)
                outcome = " ".join(f"{k}={v:.4g}" for k, v in figures[-1][contender.label].items())
            except (Failed, OSError) as error:
                failed += 1
                outcome = f"FAILED: {error}"
            took = time.monotonic() - began
            print(f"{number + 1} {row.name} {contender.label} ({took:.1f} s): {outcome}", file=sys.stderr, flush=True)
    return failed


def main(text):
    args = parse(text)
    rows = every()
    if args.list:
        print("\n".join(f"{row.name:16} {row.title}" for row in rows))
        return 0
    if args.only:
        rows = [row for row in rows if any(name in row.name for name in args.only)]
        if not rows:
            print(f"no row is called {' or '.join(args.only)}; --list shows them", file=sys.stderr)
            return 2
    # A signal ends the run as an error does: with everything stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tools = Tools(ROOT, install.jackfield(ROOT, args.binary), install.load(ROOT, args.short))
    problems = [] if args.short else install.everything(tools)
    for problem in problems:
        print(problem, file=sys.stderr)
    rounds = args.rounds or (1 if args.short else 3)
    results, failed = {}, 0
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as directory:
        # Servers that change their user read their files here.
        pathlib.Path(directory).chmod(0o755)
        session = Session(tools, pathlib.Path(directory), args.short)
        for number in range(rounds):
            failed += one_round(session, rows, number, results)
    print(table.show(rows, results))
    return 1 if failed else 0
