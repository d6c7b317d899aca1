"""Side effects: thin classes that Temporal calls and that call the product. No decisions here.

None is broken off: all are defined with `no_thread_cancel_exception`. The SDK would otherwise raise
an exception anywhere in the thread of an attempt that takes too long, between SES's answer and the
ledger too, and a message would be in doubt, or its enrollment parked, for nothing.
"""
