"""emotone inside other programs: agents that hear, and assistants that call tools."""
