"""Members of the registry of perturbations, one per file."""
