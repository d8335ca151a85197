"""What the server costs and what it withstands, measured with its own simulators on loopback."""
