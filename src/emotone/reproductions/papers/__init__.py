"""Reproduced publications, one folder each; `emotone.reproductions.base.PAPERS` finds them."""
