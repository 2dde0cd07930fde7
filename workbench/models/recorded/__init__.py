"""Record the answers of models and replay them: cassettes and caches."""
