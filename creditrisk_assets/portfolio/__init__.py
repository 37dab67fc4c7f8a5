"""What can we lose: expected loss, IFRS 9 stages and the distribution of losses, from the draws of one posterior."""
