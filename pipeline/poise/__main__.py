"""`python -m poise` is the command `poise`."""

from poise.commands import main

if __name__ == "__main__":
    main()
