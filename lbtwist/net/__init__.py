"""The data plane: Twisted protocols, factories and transports that move bytes."""
