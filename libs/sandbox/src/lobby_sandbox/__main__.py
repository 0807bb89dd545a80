"""`python -m lobby_sandbox`."""

import asyncio
import os
import sys

from lobby_sandbox.config import ConfigError, read_config
from lobby_sandbox.main import serve


def main() -> int:
    """Runs the sandbox; answers the exit code."""
    try:
        config = read_config(os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    asyncio.run(serve(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
