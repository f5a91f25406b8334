"""One generation of the process after the other, without a gap (rules 74–76)."""
