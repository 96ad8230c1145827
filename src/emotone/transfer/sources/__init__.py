"""Published networks to transfer from, one file each: addresses, licences, and the readers of their files."""
