"""HTTP to request message, response message to JSON; pure, and read from the descriptors alone."""

from lobby_gateway.transcode.decode import request_of
from lobby_gateway.transcode.encode import to_json

__all__ = ["request_of", "to_json"]
