"""The command line: one module for each noun, put together by `starter.py`.

Only `click` is imported while it is put together, so that `--help` is quick.
"""
