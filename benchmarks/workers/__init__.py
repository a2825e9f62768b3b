"""What a converter costs in a process of its own, and what poison files cost the others."""
