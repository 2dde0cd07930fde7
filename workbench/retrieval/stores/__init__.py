"""Vector stores: documents found by what they mean. In memory, or in a FAISS index."""
