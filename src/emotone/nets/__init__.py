"""Network architectures, one file each; every net names its layers."""
