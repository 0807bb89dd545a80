"""The gateway's own RPCs, served over gRPC like those of any other service."""
