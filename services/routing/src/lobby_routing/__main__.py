"""`python -m lobby_routing` runs the service, `python -m lobby_routing migrate` its migrations."""

from lobby_routing.main import main

main()
