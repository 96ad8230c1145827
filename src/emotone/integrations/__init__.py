"""emotone inside other programs: voice agents, and assistants that call tools."""
