"""Reproduced publications, one folder or file each; `emotone.reproductions.base.PAPERS` finds them."""
