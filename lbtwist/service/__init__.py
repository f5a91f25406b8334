"""The control plane: services that know membership, admin state and deadlines."""
