"""`python -m bot` is `bangban`."""

from bot.cli import main

if __name__ == "__main__":
    main()
