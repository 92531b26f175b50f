"""A row of the table: a workload, those it is run against, and the aim."""

import dataclasses
from typing import Callable

from .contender import Contender


@dataclasses.dataclass
class Aim:
    """What we want to reach: a ratio to the best peer, or a value of our own."""

    ratio: float | None = None
    value: float | None = None

    @property
    def limit(self):
        return self.value if self.ratio is None else self.ratio

    @property
    def kind(self):
        return "ours" if self.ratio is None else "ratio to the best peer"

    def __str__(self):
        return f"≤ {self.limit:g}"


@dataclasses.dataclass
class Figure:
    """A number that is measured: how it is shown."""

    name: str
    title: str
    digits: int = 1


@dataclasses.dataclass
class Row:
    """A workload. `measure(session, contender)` gives a dictionary of figures; `figures` are those that are shown,
    the first of them is compared, and of all that have an aim less is better."""

    name: str
    title: str
    about: str
    contenders: list
    measure: Callable
    figures: list
    aims: dict  # name of a figure -> Aim


def contenders(templates):
    """From labels to templates: one, or several of which the last faces the clients."""
    return [
        Contender(label, (value,) if isinstance(value, str) else tuple(value)) for label, value in templates.items()
    ]
