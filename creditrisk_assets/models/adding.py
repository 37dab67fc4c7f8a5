"""The inner loop of sums over loans: loans by draws, of which only sums are ever held. See `models.kernels`."""

from creditrisk_assets.models.kernels import Matrix, Vector


def add_loans(
    codes: Matrix, segment: Vector, amount: Vector, rows: Matrix, starts: Vector, shift: Vector, curve: Matrix,
    line: Vector, defaults: Matrix, losses: Matrix, places: Matrix,
) -> None:  # fmt: skip
    """Add the PDs of n loans under D draws to sums by segment, and their log-odds to a histogram.

    codes (factors, n) uint8; segment (n,), amount (n,); rows (bins of all factors, D) float32: what a
    bin adds to the place of a loan, starts (factors,): the first row of each factor, shift (D,) float32:
    the place without them, in nodes of curve (nodes, D) float32, PDs between which lines are drawn; line
    (D,) float32 is overwritten. Out: defaults and losses (segments, D): sums of PD and of PD times
    amount; places (nodes, D): loans by node, each shared between its two neighbours.
    """
    draws, factors, most = shift.size, codes.shape[0], curve.shape[0] - 1.0001
    for i in range(segment.size):
        for d in range(draws):
            line[d] = shift[d]
        for f in range(factors):
            row = rows[starts[f] + codes[f, i]]
            for d in range(draws):
                line[d] += row[d]
        mine, money = segment[i], amount[i]
        for d in range(draws):
            place = min(max(line[d], 0.0), most)
            below = int(place)
            share = place - below
            chance = curve[below, d]
            chance += share * (curve[below + 1, d] - chance)
            defaults[mine, d] += chance
            losses[mine, d] += money * chance
            places[below, d] += 1.0 - share
            places[below + 1, d] += share
