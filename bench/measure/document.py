"""docs/benchmarks.md, made from results and explanations; nothing in it is typed by hand."""

import json
import tomllib

from . import stats, table

HEAD = """# Benchmarks

The node and its peers, measured in one session by one command:

    bench/run

This page is made by it, from [bench/results.json](../bench/results.json) and
[bench/explanations.toml](../bench/explanations.toml); a change by hand is lost. Whoever thinks that a peer is treated
unfairly finds each configuration in [bench/peers](../bench/peers), and ours in [bench/jackfield](../bench/jackfield).

Containers of components in Python, ours and Crossbar.io's, have a command of their own, `bench/container`, and
[their figures](crossbar.md#what-a-container-costs) stand where they are described.
"""

METHOD = """## How it is measured

* **Processor time of a unit** is what all processes and threads of a server have used (`/proc/PID/task/*/schedstat`)
  from before a load to when they are at rest again, divided by the requests, connections or whatever the unit is. It
  has in it what the kernel did in their name. It holds on a machine with few cores on which the load generator runs,
  too, where throughput and latency do not: these are shown, but depend on what the load generator leaves to the server.
* Everybody has two processes, or threads where a peer has threads; a listening socket for each (SO_REUSEPORT) where
  a peer can; no access log; the same backlog; in rows with bulk, buffers as large as ours where they can be set.
* Load is a closed loop: so many connections, each of which asks again when it has its answer. A tenth of it comes
  before, to warm up. What relays connect to is a program of this project that only answers.
* Rounds are interleaved: in each, every workload is run against everybody, in an order that changes. A ratio is that of
  one round, ours to the best peer in it; what is shown is the median, with the least and the most.
* **Memory** is PSS, summed over all processes of a server.
* Peers are those of the system's distribution and of PyPI as they come; the WebSocket echoes fastwebsockets and
  tungstenite are those libraries, as their examples use them, with a thread for each core.
* Figures are medians over the rounds. Less is better, but for what is named "per s".
"""


def beside(recorded, later):
    """What is recorded, with the rows of a later session in the place of what they were, and where these were measured."""
    sessions = recorded.get("later", [])
    for session in sessions:
        session["rows"] = [name for name in session["rows"] if name not in later["rows"]]
    # What went wrong with these rows before is over; a problem begins with its row.
    earlier = [problem for problem in recorded["problems"] if problem.partition(",")[0] not in later["rows"]]
    one = {key: later[key] for key in ("machine", "rounds")} | {"rows": sorted(later["rows"])}
    return recorded | {
        "rows": recorded["rows"] | later["rows"],
        "problems": earlier + later["problems"],
        "later": [session for session in sessions if session["rows"]] + [one],
    }


def explanations(path, rows):
    """Texts by row; one for a row that does not exist is an error."""
    texts = tomllib.loads(path.read_text())
    if unknown := texts.keys() - {row.name for row in rows}:
        raise LookupError(f"{path}: there is no row {', '.join(sorted(unknown))}")
    return {name: " ".join(text.split()) for name, text in texts.items()}


def line(*cells):
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def best_peer(row, rounds, figure):
    """The label and the median of the peer whose median is the least."""
    medians = [
        (value, contender.label)
        for contender in row.contenders
        if not contender.is_ours
        and (value := stats.median([results[contender.label].get(figure) for results in rounds if contender.label in results]))
        is not None
    ]
    return min(medians, default=None)


def machines(recorded, rows):
    """Where the whole was measured, and rows that were measured later."""
    yield "## Where"
    yield ""
    yield from machine(recorded["machine"], recorded["rounds"])
    for session in recorded.get("later", []):
        names = ", ".join(f"[{row.title}](#{row.name})" for row in rows if row.name in session["rows"])
        yield f"Measured later, in a session of their own: {names}."
        yield ""
        yield from machine(session["machine"], session["rounds"])


def machine(about, rounds):
    versions = "; ".join(f"{name} {version or 'absent'}" for name, version in about["versions"].items())
    yield line("", "")
    yield line("---", "---")
    yield line("commit", about["commit"])
    yield line("date", about["date"])
    yield line("machine", f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB")
    yield line("system", f"{about['system']}, Linux {about['kernel']}")
    yield line("load average before", f"{about['load_before']:.1f}")
    yield line("rounds", rounds)
    yield line("versions", versions)
    yield ""


def outcome(row, rounds, figure, texts):
    reached = table.is_reached(row, rounds, figure)
    if reached is None:
        return "not measured"
    if reached:
        return "yes"
    return f"no, [why](#{row.name})" if row.name in texts else "**no, and not explained yet**"


def summary(rows, results, texts):
    yield "## All workloads"
    yield ""
    yield line("workload", "figure", "ours", "best peer", "compared", "aim", "reached")
    yield line("---", "---", "---:", "---:", "---:", "---", "---")
    for row in rows:
        rounds = results.get(row.name, [])
        for figure, aim in row.aims.items():
            shown = next(one for one in row.figures if one.name == figure)
            ours = table.number(stats.median(table.of_ours(row, rounds, figure)), shown.digits)
            best = best_peer(row, rounds, figure)
            peer = f"{table.number(best[0], shown.digits)} ({best[1]})" if best else "-"
            compared = table.spread(table.compared(row, rounds, figure)) if aim.ratio is not None else ""
            yield line(
                f"[{row.title}](#{row.name})", shown.title, ours, peer, compared, aim, outcome(row, rounds, figure, texts)
            )
    yield ""


def links(contender):
    for template in contender.templates:
        folder, name = template.split("/")
        place = f"jackfield/{name}" if folder == "jackfield" else f"peers/{template}"
        yield f"[{folder}/{name}](../bench/{place})"


def calls(row, rounds):
    """The system calls of each unit, where they were counted."""
    counted = [
        (contender.label, one[contender.label]["calls"])
        for contender in row.contenders
        for one in rounds
        if one.get(contender.label, {}).get("calls")
    ]
    if counted:
        unit = row.figures[0].title.partition(" per ")[2]
        yield f"System calls per {unit} (strace, under which a server is slower and collects more at a time):"
        yield ""
        for label, names in counted:
            yield f"* {label}: {sum(names.values()):.1f}: " + ", ".join(f"{name} {n:g}" for name, n in names.items())
        yield ""


def section(row, rounds, texts):
    yield f'<a id="{row.name}"></a>'
    yield ""
    yield f"### {row.title}"
    yield ""
    yield row.about
    yield ""
    yield line("", *(figure.title for figure in row.figures))
    yield line("---", *("---:" for _ in row.figures))
    for contender in row.contenders:
        of_it = [one[contender.label] for one in rounds if contender.label in one]
        cells = (
            table.number(stats.median([f.get(figure.name) for f in of_it]), figure.digits) if of_it else "not measured"
            for figure in row.figures
        )
        yield line(f"**{contender.label}**" if contender.is_ours else contender.label, *cells)
    yield ""
    for figure, aim in row.aims.items():
        if table.is_reached(row, rounds, figure) is not None:
            compared = table.spread(table.compared(row, rounds, figure))
            yield f"{table.title_of(row, figure)}: {aim.kind} {compared}, aim {aim}."
    yield ""
    yield from calls(row, rounds)
    missed = any(table.is_reached(row, rounds, figure) is False for figure in row.aims)
    if missed:
        yield "**Why the aim is missed:** " + texts.get(row.name, "not explained yet.")
        yield ""
    yield "Configurations: " + ", ".join(link for contender in row.contenders for link in links(contender)) + "."
    yield ""


def text(rows, recorded, texts):
    """The whole page."""
    results = recorded["rows"]
    parts = [HEAD]
    parts += summary(rows, results, texts)
    if recorded["problems"]:
        parts += ["What went wrong in this run:", ""] + [f"* {problem}" for problem in recorded["problems"]] + [""]
    parts += machines(recorded, rows)
    parts += [METHOD, "## Each workload", ""]
    for row in rows:
        parts += section(row, results.get(row.name, []), texts)
    return "\n".join(parts).rstrip() + "\n"


def from_files(root, rows):
    """The page that belongs to what is recorded."""
    recorded = json.loads((root / "bench" / "results.json").read_text())
    return text(rows, recorded, explanations(root / "bench" / "explanations.toml", rows))
