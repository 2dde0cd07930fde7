"""What HTTP clients and servers here share: event streams, connections, how a stop ends a request."""
