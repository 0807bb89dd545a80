"""`python -m lobby_gateway`: the service; `migrate`, `bootstrap` and `workspace create` besides."""

from lobby_gateway.main import main

main()
