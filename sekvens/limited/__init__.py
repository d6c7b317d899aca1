"""A limited process: what foreign templates are rendered in, so that they can cost only so much.

It has so much memory, so many seconds of CPU and of waiting, no secret in its environment, and once
it has begun it can open neither a file nor a connection. However it ends, the caller gets a result
or a `TemplateError`, and lives. A process is used once: nothing that one source does meets another.

Importing takes a second, and a fork hundredths: so each is forked from a warm process, which has
imported everything, is started without secrets or connections, and never reads an order itself.
"""
