"""Who asks for a loan, and for what: the part of the application the borrower fills in.

Quantiles follow LendingClub's published loans: median income 63,000 (10 % below 33,000, 10 % above
122,000), median amount 12,000, a quarter over 60 months, half of the borrowers with a mortgage.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Reals, logistic, named, pick, real, whole
from creditrisk_assets.simulation.missing import goes_missing
from creditrisk_assets.simulation.places import draw_places

PURPOSES: dict[str, tuple[float, str]] = {
    "debt_consolidation": (57.0, "Debt consolidation"),
    "credit_card": (23.0, "Credit card refinancing"),
    "home_improvement": (6.5, "Home improvement"),
    "other": (5.8, "Other"),
    "major_purchase": (2.2, "Major purchase"),
    "medical": (1.2, "Medical expenses"),
    "small_business": (1.1, "Business"),
    "car": (1.0, "Car financing"),
    "moving": (0.7, "Moving and relocation"),
    "vacation": (0.67, "Vacation"),
    "house": (0.6, "Home buying"),
    "wedding": (0.1, "Wedding"),
    "renewable_energy": (0.07, "Green loan"),
    "educational": (0.03, "Learning and training"),
}
JOBS = (
    "Teacher", "Manager", "Owner", "Registered Nurse", "RN", "Supervisor", "Driver", "Sales", "Project Manager",
    "Office Manager", "General Manager", "Director", "President", "Engineer", "Accountant", "Truck Driver",
    "Operations Manager", "Administrative Assistant", "Police Officer", "Sales Manager", "Electrician", "Nurse",
    "Technician", "Mechanic", "Store Manager", "Paralegal", "Attorney", "Analyst", "Server", "Machine Operator",
    "Software Engineer", "Customer Service", "Executive Assistant", "Cashier", "Foreman", "Consultant", "Carpenter",
    "manager", "teacher", "sales ", '"Manager, Operations"', '"Vice President, Sales"', "Bus Operator", "Chef",
)  # fmt: skip
EMPLOYMENT = ("< 1 year", "1 year", *(f"{years} years" for years in range(2, 10)), "10+ years")
_EMPLOYMENT_SHARES = (8.5, 7.0, 9.6, 8.5, 6.4, 6.7, 4.9, 4.7, 4.8, 4.1, 34.8)
_HOMES = ("MORTGAGE", "OWN", "RENT")
_VERIFIED = ("Not Verified", "Source Verified", "Verified")


@dataclass(frozen=True)
class Traits:
    """Correlated standard normals behind everything observed about a borrower; shape (loans,)."""

    worth: Reals
    age: Reals
    credit: Reals
    appetite: Reals


def draw_traits(rng: np.random.Generator, loans: int) -> Traits:
    """Wealth, age, credit standing and appetite for credit, one of each per borrower."""
    worth, age, credit, appetite = rng.standard_normal((4, loans))
    age = 0.30 * worth + 0.954 * age
    credit = 0.15 * worth + 0.25 * age + 0.945 * credit
    return Traits(worth, age, credit, -0.20 * credit + 0.98 * appetite)


def draw_application(rng: np.random.Generator, traits: Traits, income_shift: float = 0.0) -> pl.DataFrame:
    """What the borrower declares, under the published names; one row per loan.

    `emp_length` stays in years (10 means ten or more, empty means not given) and `term` in months;
    the text forms come last, when the file is written. `employment_years` has the years that were
    not given, too. `income_shift` is added to every log income.
    """
    loans = len(traits.worth)
    places, shift = draw_places(rng, loans)
    income = _income(rng, traits, shift + income_shift)
    return pl.DataFrame(
        _loan(rng, income)
        | _job(rng, traits, income)
        | _household(rng, traits, income)
        | {"zip_code": places["zip_code"], "addr_state": places["addr_state"]}
    )


def _income(rng: np.random.Generator, traits: Traits, shift: Reals) -> Reals:
    """Yearly income in USD: lognormal, with a Pareto tail for one borrower in a hundred."""
    loans = len(shift)
    income = np.exp(11.03 + shift + 0.50 * traits.worth)
    tail = rng.random(loans) < 0.01
    # A tail index of 2.2 leaves the variance finite and still gives a few incomes in the millions.
    income = np.where(tail, income * (1.0 - rng.random(loans)) ** (-1 / 2.2), income)
    step = np.where(rng.random(loans) < 0.7, 1_000.0, 1.0)
    return np.clip(np.round(income / step) * step, 4_000.0, 9_000_000.0)


def _loan(rng: np.random.Generator, income: Reals) -> dict[str, pl.Series]:
    """Amount, term, purpose and title."""
    loans = len(income)
    wanted = np.exp(9.40 + 0.5 * (np.log(income) - 11.05) + 0.58 * rng.standard_normal(loans))
    step = np.where(rng.random(loans) < 0.6, 1_000.0, 25.0)
    # The lender caps the loan at 40,000 and at about half of the income.
    amount = np.clip(np.floor(np.minimum(wanted, 0.5 * income) / step) * step, 1_000.0, 40_000.0)
    long_term = rng.random(loans) < logistic(-1.35 + 1.3 * (np.log(amount) - 9.4))
    purpose = pick(rng, [share for share, _ in PURPOSES.values()], loans)
    titled = rng.random(loans) >= 0.03
    return {
        "loan_amnt": whole(amount),
        "term": whole(np.where(long_term, 60, 36)),
        "purpose": named(tuple(PURPOSES), purpose),
        "title": named([title for _, title in PURPOSES.values()], purpose).set(pl.Series(~titled), None),
    }


def _job(rng: np.random.Generator, traits: Traits, income: Reals) -> dict[str, pl.Series]:
    """Job title and years in it. Low earners and newcomers leave them out more often."""
    loans = len(income)
    place = logistic(1.7 * (0.5 * traits.age + 0.866 * rng.standard_normal(loans)))
    bounds = np.cumsum(_EMPLOYMENT_SHARES) / sum(_EMPLOYMENT_SHARES)
    years = np.minimum(np.searchsorted(bounds, place), 10)
    given = ~goes_missing(rng, "emp_length", employment_years=years.astype(float), log_annual_income=np.log(income))
    title = named(JOBS, pick(rng, [1.0 / rank for rank in range(4, len(JOBS) + 4)], loans))
    return {
        "emp_title": title.set(pl.Series(~given | (rng.random(loans) < 0.01)), None),
        "emp_length": whole(years, given),
        "employment_years": whole(years),
    }


def _household(rng: np.random.Generator, traits: Traits, income: Reals) -> dict[str, pl.Series]:
    """Home, income and how it was checked, debt payments; a second applicant for one loan in fifty."""
    loans = len(income)
    mortgage = rng.random(loans) < logistic(-0.05 + 0.8 * traits.worth + 0.6 * traits.age)
    own = rng.random(loans) < 0.22
    home = np.where(mortgage, 0, np.where(own, 1, 2)).astype(np.int64)
    burden = -0.30 * traits.worth - 0.25 * traits.credit + 0.92 * rng.standard_normal(loans)
    dti = np.abs(18.4 + 8.6 * burden)
    # Reflected at the lender's limit of 40 %, which would otherwise collect a spike.
    dti = np.minimum(np.where(dti > 39.99, 79.98 - dti, dti), 39.99)
    joint = rng.random(loans) < logistic(-4.3 + 0.09 * (dti - 18.4))
    factor = 1.3 + rng.random(loans)
    return {
        "home_ownership": named(_HOMES, home),
        "annual_inc": whole(income),
        "verification_status": named(_VERIFIED, pick(rng, (30, 39, 31), loans)),
        "dti": real(np.maximum(dti, 0.0), 2),
        "application_type": named(("Individual", "Joint App"), joint.astype(np.int64)),
        "annual_inc_joint": whole(income * factor, joint),
        "dti_joint": real(np.maximum(dti, 0.0) / factor * 1.1, 2, joint),
    }
