"""Configurations with places to fill in: @NAME@."""

import re


def render(text, values):
    """Fills in; a name that nobody knows is an error."""

    def value(match):
        return str(values[match.group(1)])

    return re.sub(r"@([A-Z][A-Z0-9_]*)@", value, text)
