"""The only code that Temporal replays.

Nothing is imported here: the sandbox imports this package anew for each run of each enrollment, and
whatever stood here would be imported with it.
"""
