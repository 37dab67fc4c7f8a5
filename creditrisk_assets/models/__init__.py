"""Models of default: outcomes, design, evidence, posterior, logistic benchmark and their comparison."""
