"""``python -m selector``: the command where its script is not on the path."""

from selector.cli import main

if __name__ == "__main__":
    main()
