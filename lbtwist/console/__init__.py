"""The SSH console: parses lines, calls verbs, renders what they return."""
