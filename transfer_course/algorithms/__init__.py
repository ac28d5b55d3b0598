"""The algorithms of the course, one module each.

Every one takes a backbone and a few examples, leaves the backbone as it was, and returns a trained
``Sequential([backbone, head])``.
"""
