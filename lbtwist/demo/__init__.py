"""A load balancer to try: two small servers, a client, and a key to log in with."""
