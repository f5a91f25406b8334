"""Metrics, health, events and the status page over HTTP: it shows, and decides and changes nothing."""
