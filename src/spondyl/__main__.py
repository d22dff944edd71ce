"""``python -m spondyl``: the same as the command ``spondyl``."""

from spondyl.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
