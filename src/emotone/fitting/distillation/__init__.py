"""Distillation: sources trained by emotone, as students that match a teacher's predictions for unlabelled sound."""
