"""What travels between a served chain and its callers."""
