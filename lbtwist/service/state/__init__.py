"""What operators want, kept over a restart (rule 67)."""
