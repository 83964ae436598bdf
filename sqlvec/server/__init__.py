"""The server: sockets, the event loop, sessions. Below it nothing waits."""
