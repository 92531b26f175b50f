"""Medians, and ratios of one round."""

import statistics


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def ratios(row, rounds, figure):
    """Ours to the best peer's, of each round that has both. `rounds`: for each a dictionary label -> figures."""
    found = []
    for results in rounds:
        ours = [results[c.label][figure] for c in row.contenders if c.is_ours and c.label in results]
        peers = [results[c.label][figure] for c in row.contenders if not c.is_ours and c.label in results]
        if ours and peers and min(peers) > 0:
            found.append(min(ours) / min(peers))
    return found
