"""Work beyond one machine: bulk prediction on several engines, with results that do not depend on the engine."""
