"""The door of the sandbox: makes a package of this folder under a name of its own, then serves.

Run as `python -E .../child`. The folder is taken off the path again, so that no file here can stand in
for a module that the user's program imports.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

PACKAGE = "trainlint_sandbox"


def open_package() -> None:
    """Register this folder as a package, whatever it was found as."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != folder]
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise SystemExit("the sandbox cannot be loaded from " + folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


def main() -> None:
    open_package()
    importlib.import_module(PACKAGE + ".warm").serve()


if __name__ == "__main__":
    main()
