"""The table as it is printed."""

from . import stats


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def spread(values, digits=2):
    """A median, with the least and the most."""
    if not values:
        return "-"
    return f"{stats.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def of_ours(row, rounds, figure):
    """Our figure in each round."""
    ours = [contender.label for contender in row.contenders if contender.is_ours]
    return [results[label][figure] for results in rounds for label in ours if label in results]


def compared(row, rounds, figure):
    """What is held against the aim, of each round."""
    if row.aims[figure].ratio is not None:
        return stats.ratios(row, rounds, figure)
    return of_ours(row, rounds, figure)


def is_reached(row, rounds, figure):
    """Whether an aim is reached; None without figures."""
    value = stats.median(compared(row, rounds, figure))
    return None if value is None else value <= row.aims[figure].limit


def title_of(row, figure):
    return next(shown.title for shown in row.figures if shown.name == figure)


def lines(row, rounds):
    """A row: one line for each contender."""
    yield f"{row.title} [{row.name}]"
    for figure, aim in row.aims.items():
        outcome = {True: "reached", False: "MISSED", None: "no verdict"}[is_reached(row, rounds, figure)]
        yield f"  {title_of(row, figure)}: {aim.kind} {spread(compared(row, rounds, figure))}, aim {aim}: {outcome}"
    yield f"  {'':24}" + "".join(f"{figure.title:>24}" for figure in row.figures)
    for contender in row.contenders:
        of_it = [results[contender.label] for results in rounds if contender.label in results]
        if not of_it:
            yield f"  {contender.label:24}{'not measured':>24}"
            continue
        cells = (number(stats.median([f.get(figure.name) for f in of_it]), figure.digits) for figure in row.figures)
        yield f"  {contender.label:24}" + "".join(f"{cell:>24}" for cell in cells)


def show(rows, results):
    """All rows. `results`: row name -> rounds."""
    return "\n\n".join("\n".join(lines(row, results[row.name])) for row in rows if row.name in results)
