"""`python -m lobby_cli`."""

from lobby_cli.app import main

main()
