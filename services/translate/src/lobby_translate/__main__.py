"""`python -m lobby_translate` runs the service; `… migrate` migrates its schema."""

from lobby_translate.main import main

if __name__ == "__main__":
    main()
