"""The access log: its lines, and the file that they are written to."""
