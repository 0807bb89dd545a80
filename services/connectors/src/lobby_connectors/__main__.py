"""`python -m lobby_connectors`, and `python -m lobby_connectors migrate`."""

from lobby_connectors.main import main

if __name__ == "__main__":
    main()
