"""The inner loops of the platform, over loans: written as plain Python, compiled by numba on first use.

Loans are codes, and a code is looked up, so there is nothing for matrix libraries to multiply: one
pass over a loan keeps everything in registers. Every sum runs in one written order, so that a loan
gives the same bits alone, in a batch and on any machine. Compiled code is kept on disk where that
is possible. Arrays are float64 unless said otherwise.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

Vector: TypeAlias = Any
Matrix: TypeAlias = Any
Cube: TypeAlias = Any
"""Arrays of one, two and three axes, of any element: the compiler infers it at the first call."""


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code that releases the interpreter."""
    import numba

    machine: Callable[..., Any]
    try:
        machine = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep machine code in: compile for this process alone
        machine = numba.njit(nogil=True)(function)
    return machine


def expand_loans(  # noqa: C901, PLR0912, PLR0915
    codes: Matrix, months: Vector, outcome: Vector, variance: Vector, nodes: Vector, weights: Vector,
    factor: Vector, table: Matrix, trials: Matrix, band: Vector, lowest: Vector,
    baseline: Vector, effects: Vector, first: Vector, second: Vector, shift: float,
    totals: Vector, gradient: Vector, bands: Vector, dense: Matrix, cross: Matrix, groups: Matrix, pair: Matrix,
) -> None:  # fmt: skip
    """Log-likelihood, gradient and information of n loans with B cells and D effects, summed into the last arguments.

    codes (factors, n) uint8, the last two rows purpose and state; months (n,) rows of the next three,
    outcome (n,), variance (n,) of each log-odds or (0,), nodes and weights of the quadrature over it;
    factor (D,), table (D, bins); trials (rows, B), band and lowest (rows,), see `periods.Periods`;
    point: baseline (B,), effects (D,), first and second (levels + 1,), shift (of the vintage). Out:
    totals (log-likelihood, trials), gradient (B + D + levels), bands (B,), dense (D, D) lower half,
    cross (B, D), groups (levels, B + D + 1), pair (levels of first + 1, levels of second + 1).
    """
    count, width, rows = baseline.size, effects.size, codes.shape[0]
    x, weight = effects * 0.0, baseline * 0.0
    start = count + width
    levels = first.size - 1
    for i in range(months.size):
        reached = months[i]
        begin = lowest[reached]
        if trials[reached, begin] == 0.0:
            continue
        one, two = codes[rows - 2, i], codes[rows - 1, i]
        eta = shift + first[one] + second[two]
        for d in range(width):
            x[d] = table[d, codes[factor[d], i]]
            eta += effects[d] * x[d]
        sum_weight, sum_residual = 0.0, 0.0
        for b in range(begin, count):
            tried = trials[reached, b]
            weight[b] = 0.0
            if tried == 0.0:
                break
            bad = 1.0 if outcome[i] and band[reached] == b else 0.0
            centre = eta + baseline[b]
            totals[0] += bad * centre - tried * (max(centre, 0.0) + math.log1p(math.exp(-abs(centre))))
            totals[1] += tried
            chance, curvature = 0.0, 0.0
            if variance.size == 0:
                chance = 1.0 / (1.0 + math.exp(-centre))
                curvature = chance * (1.0 - chance)
            else:
                spread = math.sqrt(variance[i])
                for k in range(nodes.size):
                    p = 1.0 / (1.0 + math.exp(-centre - spread * nodes[k]))
                    chance += weights[k] * p
                    curvature += weights[k] * p * (1.0 - p)
            weight[b] = tried * curvature
            residual = bad - tried * chance
            gradient[b] += residual
            bands[b] += weight[b]
            sum_weight += weight[b]
            sum_residual += residual
            for d in range(width):
                cross[b, d] += weight[b] * x[d]
        for d in range(width):
            gradient[count + d] += sum_residual * x[d]
            scaled = sum_weight * x[d]
            for e in range(d + 1):
                dense[d, e] += scaled * x[e]
        pair[one, two] += sum_weight
        for g in range(2):
            level = one if g == 0 else two
            if level == (first.size if g == 0 else second.size) - 1:
                continue
            row = level if g == 0 else levels + level
            gradient[start + row] += sum_residual
            for b in range(begin, count):
                if weight[b] == 0.0:
                    break
                groups[row, b] += weight[b]
            for d in range(width):
                groups[row, count + d] += sum_weight * x[d]
            groups[row, start] += sum_weight


def expected_defaults(odds, months, trials, lowest, baseline):  # type: ignore[no-untyped-def]
    """(expected defaults, their variance) of n loans: odds (n,) and baseline (B,) odds of the cells; see above."""
    expected, spread = 0.0, 0.0
    for i in range(months.size):
        reached = months[i]
        for b in range(lowest[reached], baseline.size):
            tried = trials[reached, b]
            if tried == 0.0:
                break
            chance = odds[i] * baseline[b] / (1.0 + odds[i] * baseline[b])
            expected += tried * chance
            spread += tried * chance * (1.0 - chance)
    return expected, spread


def moments_of_loans(
    codes: Matrix, vintage: Vector, factor: Vector, table: Matrix, effects: Vector, first: Vector, second: Vector,
    means: Vector, covariance: Matrix, crosses_one: Matrix, crosses_two: Matrix, crosses_time: Matrix,
    one_two: Matrix, one_time: Matrix, two_time: Matrix, mean: Vector, variance: Vector,
) -> None:  # fmt: skip
    """Mean and variance of the log-odds of n loans, written into the last two arguments (n,).

    codes as in `expand_loans`, vintage (n,) a row of crosses_time. effects (D,), first and second
    (levels,): mean coefficients; means (vintages,): baseline and vintage. covariance (D + 1, D + 1) of
    the constant and the effects: its lower half, doubled off the diagonal. crosses_* (levels, D + 2):
    covariance of a level with those, last its own variance; *_* (levels, levels): of two levels.
    """
    width, rows = factor.size, codes.shape[0]
    x = covariance[0] * 0.0
    x[0] = 1.0
    half = covariance[0] * 0.0
    for i in range(vintage.size):
        when, one, two = vintage[i], codes[rows - 2, i], codes[rows - 1, i]
        total = means[when] + first[one] + second[two]
        for d in range(width + 1):
            if d > 0:
                x[d] = table[d - 1, codes[factor[d - 1], i]]
                total += effects[d - 1] * x[d]
            half[d] = 2.0 * (crosses_one[one, d] + crosses_two[two, d] + crosses_time[when, d])
        for d in range(width + 1):
            for e in range(d + 1):
                half[e] += x[d] * covariance[d, e]
        mean[i] = total
        spread = crosses_one[one, width + 1] + crosses_two[two, width + 1] + crosses_time[when, width + 1]
        spread += 2.0 * (one_two[one, two] + one_time[one, when] + two_time[two, when])
        for d in range(width + 1):
            spread += x[d] * half[d]
        variance[i] = max(spread, 0.0)


def pds_of_loans(
    mean: Vector, variance: Vector, term: Vector, curves: Cube, low: float, per_unit: float,
    offsets: Vector, shares: Vector, result: Matrix,
) -> None:  # fmt: skip
    """Mean PD and its interval for every horizon, into result (3 * horizons, n).

    curves (terms, nodes, horizons): PD at log-odds from `low` on, `per_unit` nodes to a unit, linear
    between them; term (n,) a row of them. The PD is read at mean + offsets * deviation: the first
    offsets are quadrature nodes with weights `shares`, the last two the ends of the interval.
    """
    count, horizons, most = shares.size, curves.shape[2], curves.shape[1] - 1.000001
    for i in range(mean.size):
        spread, mine = math.sqrt(variance[i]), term[i]
        for h in range(horizons):
            expected = 0.0
            for k in range(count + 2):
                place = (mean[i] + offsets[k] * spread - low) * per_unit
                if place < 0.0:
                    place = 0.0
                elif place > most:
                    place = most
                below = int(place)
                share = curves[mine, below, h]
                share += (place - below) * (curves[mine, below + 1, h] - share)
                if k < count:
                    expected += shares[k] * share
                elif k == count:
                    result[3 * h + 1, i] = share
                else:
                    result[3 * h + 2, i] = share
            result[3 * h, i] = expected


def rank_of_loans(contributions: Matrix, spread: Matrix, deviations: float, ranked: Matrix, values: Vector) -> int:
    """The largest sure contributions of n loans, largest first, into ranked (most, n) int32 and values (most, n).

    contributions, spread (n, F); sure: above 0 and at least `deviations` times its spread. Of equals the
    first comes first; places that are left keep what stood there. Returns -1, or the first loan that holds
    a value that is not finite, or a spread below 0, where nothing is ranked from there on.
    """
    most = ranked.shape[0]
    for i in range(contributions.shape[0]):
        count = 0
        for f in range(contributions.shape[1]):
            value, deviation = contributions[i, f], spread[i, f]
            if not (abs(value) < math.inf and 0.0 <= deviation < math.inf):
                return i
            if not (value > 0.0 and value >= deviations * deviation):
                continue
            place = count
            while place > 0 and values[place - 1, i] < value:
                place -= 1
            if place == most:
                continue
            count = min(count + 1, most)
            for k in range(count - 1, place, -1):
                values[k, i] = values[k - 1, i]
                ranked[k, i] = ranked[k - 1, i]
            values[place, i] = value
            ranked[place, i] = f
    return -1


def survive_trials(odds, first, second, time, one, two, when, months, trials, baseline, powers, top, total):  # type: ignore[no-untyped-def]
    """Sum over n loans of trials * log(1 + odds * baseline) for S draws, added to total (S,).

    odds (n, S) float32 of the effects, overwritten; first, second, time (levels, S) float32: odds of the levels
    one, two, when (n,); months (n,), trials (rows, B), baseline (S, B): odds of the cells; powers
    (5, rows, S) float32: the terms of the logarithm's series, summed over cells; top (rows, S) float32:
    largest baseline a draw has among the cells of a row. Five terms are exact to 2e-7 a trial up to odds
    of 0.1; beyond, the logarithm is taken.
    """
    for i in range(months.size):
        reached, a, b, c = months[i], first[one[i]], second[two[i]], time[when[i]]
        row = odds[i]
        large = 0
        for j in range(total.size):
            row[j] *= a[j] * b[j] * c[j]
            large += row[j] * top[reached, j] >= 0.1
        if large == 0:
            for j in range(total.size):
                e = row[j]
                series = powers[3, reached, j] + e * powers[4, reached, j]
                series = powers[1, reached, j] + e * (powers[2, reached, j] + e * series)
                total[j] += e * (powers[0, reached, j] + e * series)
        else:
            for j in range(total.size):
                for k in range(baseline.shape[1]):
                    if trials[reached, k] > 0.0:
                        total[j] += trials[reached, k] * math.log1p(row[j] * baseline[j, k])
