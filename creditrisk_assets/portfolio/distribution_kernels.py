"""The inner loops of the distribution of losses: loans by draws into histograms, which move. See `models.kernels`."""

from creditrisk_assets.models.kernels import Cube, Matrix


def place_loans(
    log_odds: Matrix, exposure: Matrix, lgd: Matrix, square: Matrix, low: float, per_unit: float, places: Cube
) -> None:
    """Share each of n loans between its two neighbours of a grid over log-odds, under every draw.

    log_odds, exposure, lgd and square (mean squared LGD), all (n, D); the grid starts at `low`. Out, added to:
    places (3, nodes, D), exposure times LGD, squared exposure times mean squared LGD, and squared exposure times LGD.
    """
    most = places.shape[1] - 1.0001
    for i in range(log_odds.shape[0]):
        for d in range(log_odds.shape[1]):
            place = min(max((log_odds[i, d] - low) * per_unit, 0.0), most)
            below = int(place)
            above = place - below
            owed, lost = exposure[i, d], exposure[i, d] * lgd[i, d]
            second = owed * owed * square[i, d]
            places[0, below, d] += (1.0 - above) * lost
            places[0, below + 1, d] += above * lost
            places[1, below, d] += (1.0 - above) * second
            places[1, below + 1, d] += above * second
            places[2, below, d] += (1.0 - above) * lost * lost
            places[2, below + 1, d] += above * lost * lost


def move_places(places: Cube, curve: Matrix, shift: Matrix, mean: Matrix, variance: Matrix) -> None:
    """Add mean and variance (J, D) of the loss of `places` when all log-odds move by `shift` (J, D), in nodes.

    curve (nodes, D): PD at a node, lines between; loans default independently of each other once it is known.
    """
    count, draws = curve.shape
    most = count - 1.0001
    for n in range(count):
        for d in range(draws):
            if places[0, n, d] == 0.0:
                continue
            for j in range(shift.shape[0]):
                place = min(max(n + shift[j, d], 0.0), most)
                below = int(place)
                chance = curve[below, d] + (place - below) * (curve[below + 1, d] - curve[below, d])
                mean[j, d] += places[0, n, d] * chance
                variance[j, d] += places[1, n, d] * chance - places[2, n, d] * chance * chance
