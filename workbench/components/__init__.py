"""What chains are made of besides models: messages, prompts, parsers, documents, retrievers, tools."""
