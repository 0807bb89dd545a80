"""`python -m lobby_counter` runs the service, `python -m lobby_counter migrate` its migrations."""

from lobby_counter.main import main

main()
