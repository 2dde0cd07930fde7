"""Tools: functions that a model may ask to have called."""
