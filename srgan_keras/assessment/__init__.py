"""Technical quality of fundus photographs, and what to do with each. Never a diagnosis."""
