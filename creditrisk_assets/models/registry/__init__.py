"""The register of promotions: which posterior decides, since when, why, and what it was when it was promoted."""
