"""What each kind of model is for, and what it is not for, in a sentence each."""

DETERMINISTIC = "deterministic rules, not a model"

PURPOSES_OF = {
    "posterior": "probability of default within twelve months and within the term, with interval, reasons and decision",
    "logistic": "benchmark of the posterior on the same features: what a plain logistic regression reaches",
    "boosting": "benchmark of the posterior on the same loans: what is given up for being able to explain",
    "behaviour": "updates the PD of an application by what the customer has done since",
    "loss_given_default": "share of the principal owed at default that never comes back, for expected losses",
    "rules": f"flags loans beside the model: bands, watchlist and tiers; {DETERMINISTIC}",
    "policy": f"turns the posterior of a loan into approve, refer or decline; {DETERMINISTIC}",
}
LIMITS_OF = {
    "posterior": "applicants like those once accepted; knows the age of a loan, not the season or the economy",
    "logistic": "decides nothing; learns from loans observed for twelve months only",
    "boosting": "decides nothing; learns from loans observed for twelve months only, and gives no reasons",
    "behaviour": "as good as the history it was learned from; without one the PD of the application stands",
    "loss_given_default": "segments of term and purpose; recoveries are not discounted, files do not date them",
    "rules": "not fitted to outcomes; what they catch is told by monitoring/rule_agreement",
    "policy": "one loss given default and one margin for all loans",
}
