"""The command."""

import argparse
import json
import pathlib
import resource
import signal
import sys
import tempfile
import time
import traceback

from . import document, install, machine, table
from .processes import Failed
from .programs import Tools
from .rows import every
from .session import Session

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RESULTS, PAGE = ROOT / "bench" / "results.json", ROOT / "docs" / "benchmarks.md"


def parse(text):
    parser = argparse.ArgumentParser(prog="bench/run", usage=text.rstrip(), add_help=False)
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--binary", metavar="PATH")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--help", "-h", action="store_true")
    return parser.parse_args()


def attempt(session, row, contender):
    """The figures, or None, and what went wrong."""
    try:
        return row.measure(session, contender), None
    except Failed as error:
        return None, str(error)
    except Exception:  # one of many measurements: the others are worth having
        return None, traceback.format_exc()


def one_round(session, rows, number, results, problems):
    """Every row against everybody; who is first changes from round to round."""
    for row in rows:
        present = [contender for contender in row.contenders if contender.is_present(session.tools)]
        turn = number % max(len(present), 1)
        figures = results.setdefault(row.name, [])
        figures.append({})
        for contender in present[turn:] + present[:turn]:
            began = time.monotonic()
            measured, problem = attempt(session, row, contender)
            if problem is None:
                figures[-1][contender.label] = measured
                shown = (f"{k}={v:.4g}" for k, v in measured.items() if isinstance(v, (int, float)))
                said = " ".join(shown)
            else:
                said = f"FAILED: {problem}"
                problems.append(f"{row.name}, {contender.label}: {problem.strip().splitlines()[0]}")
            where = f"{number + 1} {row.name} {contender.label} ({time.monotonic() - began:.1f} s)"
            print(f"{where}: {said}", file=sys.stderr, flush=True)


def run(args, rows):
    """Measures; what is to be recorded."""
    # A signal ends the run as an error does: with everything stopped.
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, lambda number, _: sys.exit(128 + number))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tools = Tools(ROOT, *install.ours(ROOT, args.binary, args.short))
    problems = [] if args.short else install.everything(tools)
    rounds = args.rounds or (1 if args.short else 3)
    about, results = machine.describe(tools, rows, bool(args.binary)), {}
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as directory:
        # Servers that change their user read their files here.
        pathlib.Path(directory).chmod(0o755)
        session = Session(tools, pathlib.Path(directory), args.short)
        for number in range(rounds):
            session.counts_calls = number == 0 and not args.short
            one_round(session, rows, number, results, problems)
    return {"machine": about, "rounds": rounds, "problems": problems, "rows": results}


def main(text):
    args = parse(text)
    rows = every()
    if args.help:
        print(text.strip())
        return 0
    if args.list:
        print("\n".join(f"{row.name:22} {row.title}" for row in rows))
        return 0
    if args.report:
        PAGE.write_text(document.from_files(ROOT, rows))
        return 0
    if args.keep and args.short:
        print("--keep: figures of --short are nobody's business; leave one of the two out", file=sys.stderr)
        return 2
    chosen = rows
    if args.only:
        chosen = [row for row in rows if any(name in row.name for name in args.only)]
        if not chosen:
            print(f"no row is called {' or '.join(args.only)}; --list shows them", file=sys.stderr)
            return 2
    recorded = run(args, chosen)
    problems = recorded["problems"]
    if args.short:
        # Figures of a debug build and of seconds are nobody's business.
        if PAGE.read_text() != document.from_files(ROOT, rows):
            problems.append("docs/benchmarks.md is not what bench/run --report makes")
    else:
        print(table.show(chosen, recorded["rows"]))
        if chosen == rows or args.keep:
            if chosen != rows:
                recorded = document.beside(json.loads(RESULTS.read_text()), recorded)
            RESULTS.write_text(json.dumps(recorded, indent=1) + "\n")
            PAGE.write_text(document.from_files(ROOT, rows))
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 1 if problems else 0
