"""Text in and out: quantities in words, foreign text made safe, JSON that is still being written."""
