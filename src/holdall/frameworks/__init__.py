"""BUILD: a live model → a portable artefact and what is known of it. One file or folder per framework.

A framework is found by the class names in the model's method resolution order, so that recognising one imports nothing:
an object of a framework cannot exist unless its module is loaded already.
"""
