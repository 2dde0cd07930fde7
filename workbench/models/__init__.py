"""Models of chat, text and embeddings: what people subclass, OpenAI-compatible servers, local ones, fakes."""
