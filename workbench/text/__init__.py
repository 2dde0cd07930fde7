"""Text in and out: quantities in words, foreign text made safe, values as errors show them, JSON that is
still being written."""
