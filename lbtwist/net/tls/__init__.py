"""TLS, to clients and to servers."""
