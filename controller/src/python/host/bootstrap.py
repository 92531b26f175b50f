# The first words of the host, which every Python understands: reads what to run from standard input, and runs it.
import sys

if sys.version_info < (3, 9):
    sys.exit(
        "Python 3.9 or newer is needed, and %s is %d.%d: name a newer one in the worker's options, as \"python\""
        % (sys.executable, sys.version_info[0], sys.version_info[1])
    )

import importlib.abc
import importlib.machinery
import json


class Modules(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """The host's own modules, which are in no file."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        origin = "<jackfield>/" + name.replace(".", "/") + ".py"
        return importlib.machinery.ModuleSpec(name, self, origin=origin, is_package=name == "jackfield_host")

    def get_source(self, name):
        return self.sources[name]

    def get_code(self, name):
        return compile(self.sources[name], "<jackfield>/" + name.replace(".", "/") + ".py", "exec", dont_inherit=True)

    def is_package(self, name):
        return name == "jackfield_host"


order = json.load(sys.stdin)
sys.meta_path.append(Modules(order.pop("modules")))
# `-c` has put the working directory first, where an installed program would have its own.
if sys.path and sys.path[0] == "":
    del sys.path[0]

from jackfield_host.main import main

sys.exit(main(order))
