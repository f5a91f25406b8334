"""Decisions: pure values and functions. No Twisted, no clock, no socket; time comes in as `now`."""
