"""Testing: compliance suites and in-memory implementations for people who write their own backends."""
