"""Benchmarks, by name; those of one theme share a file."""

MEMBERS = {
    "cold": "commands.COLD",
    "embedding": "experiments.EMBEDDING",
    "evaluation": "experiments.EVALUATION",
    "extraction": "opensmile.EXTRACTION",
    "imports": "commands.IMPORTS",
    "memory": "commands.MEMORY",
    "stages": "commands.STAGES",
    "throughput": "opensmile.THROUGHPUT",
    "training": "experiments.TRAINING",
}
