"""Documents, embeddings, retrievers, and the stores that find documents by meaning."""
