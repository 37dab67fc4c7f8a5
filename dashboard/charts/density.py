"""How sure a PD is, and where it stands among others."""

from functools import cache

from dashboard.charts.look import BLUE, GREY, ORANGE, SKY, Spec, framed, plain_axis, share_axis


def _pd(title: str) -> Spec:
    return {
        "field": "pd", "type": "quantitative", "scale": {"zero": False, "nice": False},
        "axis": plain_axis(title, format=".0%", tickCount=5, labelOverlap=True),
    }  # fmt: skip


_HEIGHT: Spec = {"field": "density", "type": "quantitative", "axis": None}


def density(pd: float, limits: tuple[float, ...], height: int = 150) -> Spec:
    """Posterior density (columns of `certainty.density`), its mean, and the limits of the policy."""
    marks = [{"pd": pd, "what": "Posterior mean"}]
    marks += [{"pd": limit, "what": "Limit of the policy"} for limit in dict.fromkeys(limits)]
    return framed(
        height,
        encoding={"x": _pd("PD within twelve months")},
        layer=[
            {"mark": {"type": "area", "color": SKY, "opacity": 0.45}, "encoding": {"y": _HEIGHT}},
            {
                "transform": [{"filter": "datum.inside"}],
                "mark": {"type": "area", "color": BLUE, "opacity": 0.85},
                "encoding": {"y": _HEIGHT},
            },
            {
                "data": {"values": marks},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "color": {
                        "field": "what", "type": "nominal",
                        "scale": {"domain": ["Posterior mean", "Limit of the policy"], "range": [GREY, ORANGE]},
                        "legend": {"orient": "top", "title": None, "symbolType": "stroke", "offset": 2},
                    },
                    "strokeDash": {
                        "field": "what", "type": "nominal", "legend": None,
                        "scale": {"domain": ["Posterior mean", "Limit of the policy"], "range": [[1, 0], [4, 3]]},
                    },
                    "tooltip": [{"field": "what", "title": "What"},
                                {"field": "pd", "title": "PD", "type": "quantitative", "format": ".2%"}],
                },
            },
        ],
    )  # fmt: skip


@cache
def moved() -> Spec:
    """Two densities, `when` as recorded and changed."""
    scale = {"domain": ["As recorded", "Changed"], "range": [GREY, BLUE]}
    return framed(
        150,
        mark={"type": "area", "opacity": 0.5, "line": True},
        encoding={
            "x": _pd("PD within twelve months"),
            "y": {**_HEIGHT, "stack": None},
            "color": {
                "field": "when", "type": "nominal", "scale": scale,
                "legend": {"orient": "top", "title": None, "offset": 2},
            },
        },
    )  # fmt: skip


@cache
def peers() -> Spec:
    """Loans of one purpose and term by band, one's own band marked; columns of `certainty.Peers.bands` and `whose`."""
    return framed(
        140,
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "x": {"field": "band", "type": "ordinal", "axis": plain_axis("Risk band, 8 is the riskiest")},
            "y": {"field": "share", "type": "quantitative", "axis": share_axis("Loans", tickCount=3)},
            "color": {
                "field": "whose", "type": "nominal", "legend": None,
                "scale": {"domain": ["This one's band", "Others"], "range": [ORANGE, SKY]},
            },
            "tooltip": [
                {"field": "band", "title": "Band"},
                {"field": "whose", "title": "Whose"},
                {"field": "loans", "title": "Loans", "type": "quantitative", "format": ",d"},
                {"field": "share", "title": "Share", "type": "quantitative", "format": ".1%"},
                {"field": "mean_pd", "title": "Mean PD", "type": "quantitative", "format": ".1%"},
            ],
        },
    )  # fmt: skip
