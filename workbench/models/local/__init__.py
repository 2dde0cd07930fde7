"""The model that runs in this process: weights, server, grammars."""
