"""Benchmarks: each prints a ratio against its baseline from the same run; none asserts a time."""
