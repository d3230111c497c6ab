"""Layering: templates as trees of files, their rules, and how ordered layers become one directory.

Pure where it can be: nothing here knows of the Brain, the Node's life or Docker.
"""
