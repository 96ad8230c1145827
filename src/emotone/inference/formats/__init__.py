"""Result formats, one file each; `emotone.inference.saving.FORMATS` finds them."""
