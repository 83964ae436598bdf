"""The PostgreSQL protocol 3 as a pure state machine: bytes in, messages out, no sockets."""
