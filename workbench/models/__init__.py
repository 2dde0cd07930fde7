"""Chat models: the base people subclass, OpenAI-compatible servers, the local model, test doubles."""
