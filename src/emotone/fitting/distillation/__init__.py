"""Sources of the house's own: students that learn from a teacher's judgement of unlabelled sound."""
