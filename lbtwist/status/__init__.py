"""Metrics, health and events over HTTP, for machines: it shows, and decides and changes nothing."""
