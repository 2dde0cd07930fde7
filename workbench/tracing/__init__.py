"""What is made of the stream of RunEvents: the run log, the event stream, calls of callback handlers."""
