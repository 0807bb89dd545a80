"""`python -m lobby_identity` runs the service; `python -m lobby_identity migrate` migrates its schema."""

from lobby_identity.main import main

main()
