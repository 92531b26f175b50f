"""Finds what the configuration names: classes, functions and applications."""

import importlib
import sys

from . import records


class Refused(Exception):
    """Something configured can't be had; the text says what, and what to do."""


#: Module to be imported, the package that brings it.
_PACKAGES = {"twisted": "twisted", "autobahn": "autobahn", "txaio": "autobahn"}


def install(package):
    """The command that installs a package for this interpreter."""
    return f"{sys.executable} -m pip install {package}"


def module(name, wanted_by):
    """Imports a module."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        top = (missing.name or "").split(".")[0]
        places = "".join(f"\n  {place}" for place in sys.path)
        if missing.name and (name == missing.name or name.startswith(missing.name + ".")):
            text = f"{wanted_by}: there is no module \"{missing.name}\" for {sys.executable}"
        else:
            text = f"{wanted_by}: the module \"{name}\" needs \"{missing.name}\", which {sys.executable} does not have"
        package = _PACKAGES.get(top, top)
        raise Refused(f"{text}; if it is a package: {install(package)}\nPython looks for modules in:{places}") from None
    except Exception as failed:
        if "Explicitly using" in str(failed):
            raise Refused(
                f"{wanted_by}: \"{name}\" wants the other of Twisted and asyncio than what was imported before: a process "
                "has one of both; give it a container of its own"
            ) from None
        raise Refused(f"{wanted_by}: the module \"{name}\" can't be imported:\n{records.trace(failed)}") from None


def thing(name, wanted_by):
    """What a dotted name stands for: a class or a function of a module."""
    before, _, last = name.rpartition(".")
    if not before:
        raise Refused(f"{wanted_by}: \"{name}\" names no module; expected \"module.name\"")
    found = module(before, wanted_by)
    try:
        return getattr(found, last)
    except AttributeError:
        place = getattr(found, "__file__", None) or "a built-in module"
        raise Refused(f"{wanted_by}: the module \"{before}\" ({place}) has no \"{last}\"") from None
