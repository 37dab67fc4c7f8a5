"""Models of default: outcomes, bins, evidence, posterior, logistic benchmark, boosting and their comparison."""
