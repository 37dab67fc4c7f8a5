"""The inner loops of the portfolio tables: loans by draws, month by month. See `models.kernels`."""

from creditrisk_assets.models.kernels import Cube, Matrix, Vector


def run_off(  # noqa: C901
    odds: Matrix, row: Vector, age: Vector, owed: Vector, instalment: Vector, growth: Vector, discount: Vector,
    baseline: Cube, band: Vector, repaid: Matrix, early: Vector, last: Vector, first_trial: int, horizon: int,
    alive: Vector, hazard: Vector, result: Cube,
) -> None:  # fmt: skip
    """Chances of default and discounted exposures of n loans under D draws, month by month to the end of their term.

    odds (n, D): odds against default, without the baseline; row (n,) of the next tables; age (n,): months on book,
    survived; owed (n,): exposure at default in the first month tried after that; instalment (n,), growth (n,)
    and discount (n,): what is repaid a month, 1 + contract rate, 1 / (1 + effective rate). baseline (rows,
    bands, D): odds against; band (months + 1,); repaid (rows, bands), early and last (rows,): hazard of
    repayment, share repaid before the first trial, last month tried. alive and hazard (D,) are overwritten.
    Out: result (4, n, D): PD and discounted exposure times chance of default within the horizon, and both
    within the term.
    """
    draws, before = alive.size, first_trial - 1
    for i in range(row.size):
        mine, since = row[i], age[i]
        first = max(since + 1, first_trial)
        survived = 1.0
        if since < before:
            survived = (1.0 - early[mine]) / (1.0 - early[mine] * since / before)
        pd, loss = result[2, i], result[3, i]
        for d in range(draws):
            alive[d], pd[d], loss[d] = survived, 0.0, 0.0
        exposure, factor, current, end = owed[i], discount[i] ** (first - since), -1, since + horizon
        within = min(end, last[mine])
        for part in range(2):
            start, stop = (first, within) if part == 0 else (max(first, within + 1), last[mine])
            for month in range(start, stop + 1):
                if band[month] != current:
                    current = band[month]
                    for d in range(draws):
                        hazard[d] = 1.0 / (1.0 + odds[i, d] * baseline[mine, current, d])
                worth, kept = exposure * factor, 1.0 - repaid[mine, current]
                for d in range(draws):
                    bad = alive[d] * hazard[d]
                    pd[d] += bad
                    loss[d] += bad * worth
                    alive[d] = (alive[d] - bad) * kept
                exposure = max(exposure * growth[i] - instalment[i], 0.0)
                factor *= discount[i]
            if part == 0:
                for d in range(draws):
                    result[0, i, d], result[1, i, d] = pd[d], loss[d]


def add_effects(codes: Matrix, rows: Matrix, starts: Vector, result: Matrix) -> None:
    """Add what the bins of n loans say to their log-odds under D draws, result (n, D).

    codes (factors, n) uint8; rows (bins of all factors, D): what a bin adds; starts (factors,): first row of each.
    """
    for i in range(codes.shape[1]):
        for f in range(codes.shape[0]):
            row = rows[starts[f] + codes[f, i]]
            for d in range(result.shape[1]):
                result[i, d] += row[d]
