"""A service reduced to what the stack sees of it: it migrates, bootstraps, serves and stops when told."""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page(BaseHTTPRequestHandler):
    """Answers the health pages, and shows the environment."""

    def do_GET(self):
        body = json.dumps({name: value for name, value in os.environ.items() if name.startswith("LOBBY_")})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def serve(name):
    """Serves until SIGTERM."""
    if name == "forking":
        # Left behind on purpose when this process is killed.
        subprocess.Popen(["sleep", "600"])
    port = int(os.environ.get("LOBBY_HTTP_PORT") or os.environ["LOBBY_SANDBOX_PORT"])
    server = ThreadingHTTPServer(("127.0.0.1", port), Page)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"{name} serves", flush=True)
    server.serve_forever()
    print(f"{name} stopped by itself", flush=True)


def main():
    """Does what a service's command line does."""
    name, *action = sys.argv[1:]
    if action == ["bootstrap"]:
        print(json.dumps({"workspace_id": "w1", "api_key": "key-of-the-owner"}))
    elif action == ["migrate"]:
        assert os.environ["LOBBY_MIGRATION_DATABASE_URL"].endswith("/lobby")
        if name == "broken":
            sys.exit("cannot migrate: the moon is full")
    elif name == "crashing":
        sys.exit("cannot start: LOBBY_SOMETHING is missing")
    else:
        serve(name)


if __name__ == "__main__":
    main()
