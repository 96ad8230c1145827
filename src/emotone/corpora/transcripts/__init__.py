"""One file per corpus of transcribed speech."""
