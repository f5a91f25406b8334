"""HTTP/1.1 listeners: clients' connections, requests in flight, servers' connections, WebSockets."""
