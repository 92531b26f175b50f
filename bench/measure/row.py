"""A row of the table: a workload, those it is run against, and the aim."""

import dataclasses
from typing import Callable

from .contender import Contender


@dataclasses.dataclass
class Aim:
    """What we want to reach: a ratio to the best peer, or a value of our own."""

    ratio: float | None = None
    value: float | None = None

    def __str__(self):
        return f"≤ {self.ratio:g}" if self.ratio is not None else f"≤ {self.value:g} (absolute)"


@dataclasses.dataclass
class Figure:
    """A number that is measured: how it is shown."""

    name: str
    title: str
    digits: int = 1


@dataclasses.dataclass
class Row:
    """A workload. `measure(session, contender)` gives a dictionary of figures; the first of `figures` is the one
    that is compared, where less is better."""

    name: str
    title: str
    about: str
    contenders: list
    measure: Callable
    figures: list
    aim: Aim


def contenders(templates):
    """From labels to templates: one, or several of which the last faces the clients."""
    return [
        Contender(label, (value,) if isinstance(value, str) else tuple(value)) for label, value in templates.items()
    ]
