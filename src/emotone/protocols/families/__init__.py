"""Families of protocols; `emotone.protocols.base.FAMILIES` finds them."""

MEMBERS = {
    "fixed": "clip_lists.FIXED",
    "folds": "folds.FOLDS",
    "published": "clip_lists.PUBLISHED",
    "sessions": "folds.SESSIONS",
}
"""Families that share a module."""
