"""What people compose chains of."""
