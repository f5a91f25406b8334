"""The ways to ask a server whether it is well."""
