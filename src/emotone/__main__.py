"""`python -m emotone`: the command."""

from __future__ import annotations

from emotone.cli.main import main

if __name__ == "__main__":
    main()
