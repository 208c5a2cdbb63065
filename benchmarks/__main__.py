from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.start import begin

# Each client process imports this module again; only the first one is the command.
if __name__ == "__main__":
    begin("sqlite://:memory:")
    # By its name, because what it imports needs Django set up.
    sys.exit(import_module("benchmarks.command").main())
