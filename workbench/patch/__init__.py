"""JSON Patch (RFC 6902): pointers, applying operations, the operations so far, and differences of values."""
