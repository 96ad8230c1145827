"""Commands; `emotone.cli.main.COMMANDS` finds them."""

MEMBERS = {
    "adapt": "adapting.adapt",
    "compare": "reports.compare",
    "mcp": "servers.mcp",
    "nets": "catalogues.nets",
    "personalise": "adapting.personalise",
    "recipes": "catalogues.recipes",
    "report": "reports.report",
    "serve": "servers.serve",
}
"""Commands that share a module."""
