"""The process in which a package's own Python functions run, and the words that it and its parent speak.

This folder runs in environments that hold no holdall: it needs the standard library, NumPy and the library of the
functions' tables, and its modules find each other by relative imports, since there the folder has another name.
"""
