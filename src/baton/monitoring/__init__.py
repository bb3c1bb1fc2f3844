"""Monitoring: what was promised against what was seen, day by day, and alarms that hold their false-alarm rate."""
