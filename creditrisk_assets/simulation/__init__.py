"""The platform's wind tunnel: loan books in LendingClub's format whose true risk is known."""
