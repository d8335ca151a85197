"""`python -m bot` and `bangban`: Ctrl-C is quiet even while the program is still being read."""

from __future__ import annotations

import sys


def main() -> None:
    try:
        from bot import cli  # noqa: PLC0415 - reading it takes a second or two

        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
