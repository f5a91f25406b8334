"""The verbs: plain functions that take and return data. Every face calls these and no others."""
