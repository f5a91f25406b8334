"""Fuzzing of all that reads bytes of others: `make fuzz`. What came of it is in docs/testing.md."""
