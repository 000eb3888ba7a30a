"""`python -m tracegate.testing`: simulated providers in a process of their own; see `process`."""

from tracegate.testing.process import main

if __name__ == "__main__":  # pragma: no branch  # it is run, never imported
    main()
