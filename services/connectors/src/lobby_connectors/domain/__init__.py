"""What connectors decides, without I/O, clock or chance."""
