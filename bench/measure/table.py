"""The table as it is printed."""

from . import stats


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def spread(values, digits=2):
    """A median, with the least and the most."""
    if not values:
        return "-"
    return f"{stats.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def verdict(row, rounds):
    """Whether the aim is reached; None without figures."""
    figure = row.figures[0].name
    if row.aim.ratio is not None:
        value = stats.median(stats.ratios(row, rounds, figure))
        return None if value is None else value <= row.aim.ratio
    ours = [results[c.label][figure] for results in rounds for c in row.contenders if c.is_ours and c.label in results]
    value = stats.median(ours)
    return None if value is None else value <= row.aim.value


def lines(row, rounds):
    """A row: one line for each contender."""
    ratio = stats.ratios(row, rounds, row.figures[0].name)
    outcome = {True: "reached", False: "MISSED", None: "no verdict"}[verdict(row, rounds)]
    yield f"{row.title} [{row.name}]: ratio {spread(ratio)}, aim {row.aim}: {outcome}"
    heads = "".join(f"{figure.title:>22}" for figure in row.figures)
    yield f"  {'':24}{heads}"
    for contender in row.contenders:
        of_it = [results[contender.label] for results in rounds if contender.label in results]
        if not of_it:
            yield f"  {contender.label:24}{'not measured':>22}"
            continue
        cells = (number(stats.median([f.get(figure.name) for f in of_it]), figure.digits) for figure in row.figures)
        yield f"  {contender.label:24}" + "".join(f"{cell:>22}" for cell in cells)


def show(rows, results):
    """All rows. `results`: row name -> rounds."""
    return "\n\n".join("\n".join(lines(row, results[row.name])) for row in rows if row.name in results)
