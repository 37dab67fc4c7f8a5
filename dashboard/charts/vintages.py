"""Charts of vintages: default curves with their bands, and roll rates."""

from functools import cache

from creditrisk_assets.contracts import BUCKETS
from dashboard.charts.look import BLUE, GREY, INK, LEGEND, RED, Spec, framed, plain_axis, share_axis

OLD_TO_NEW = ((111, 127, 208), (47, 159, 181), (230, 159, 0), (200, 69, 27))


def in_order(count: int) -> list[str]:
    """Colours from old (cool) to new (warm), told apart on white and on black."""
    shades = []
    for place in range(count):
        at = (len(OLD_TO_NEW) - 1) * (place / (count - 1) if count > 1 else 1)
        left = min(int(at), len(OLD_TO_NEW) - 2)
        mixed = (round(a + (b - a) * (at - left)) for a, b in zip(OLD_TO_NEW[left], OLD_TO_NEW[left + 1], strict=True))
        shades.append("#" + "".join(f"{part:02x}" for part in mixed))
    return shades


@cache
def curves(years: tuple[str, ...], crowded: bool = False) -> Spec:
    """Cumulative default by month on book: bands and lines expected, points observed; columns of `vintages.curves`.

    `years` are coloured from old to new; pointing at a cohort leaves it alone in full colour.
    Where it is `crowded`, bands are shown for the cohort pointed at only.
    """
    x = {
        "field": "month", "type": "quantitative", "scale": {"nice": False},
        "axis": plain_axis("Months on book", tickMinStep=3),
    }  # fmt: skip
    colour = {
        "field": "year", "type": "ordinal", "scale": {"domain": list(years), "range": in_order(len(years))},
        "legend": {**LEGEND, "columns": 7},
    }  # fmt: skip
    axis = share_axis("Cumulative share defaulted", format=".1%")

    def layer(mark: Spec, name: str, strong: float, faint: float, always: bool = True, **more: object) -> Spec:
        y = {"field": name, "type": "quantitative", "axis": axis}
        opacity = {"condition": {"param": "cohort_hover", "empty": always, "value": strong}, "value": faint}
        return {
            "mark": mark,
            "encoding": {"x": x, "y": y, "color": colour, "opacity": opacity, "detail": {"field": "cohort"}, **more},
        }

    tooltip = [
        {"field": "cohort", "title": "Issued"},
        {"field": "month", "title": "Months on book"},
        {"field": "observed", "title": "Observed", "type": "quantitative", "format": ".2%"},
        {"field": "expected", "title": "Expected", "type": "quantitative", "format": ".2%"},
        {"field": "low", "title": "90 % from", "type": "quantitative", "format": ".2%"},
        {"field": "high", "title": "to", "type": "quantitative", "format": ".2%"},
        {"field": "loans", "title": "Loans", "type": "quantitative", "format": ",d"},
    ]
    hover = {
        "name": "cohort_hover",
        "select": {"type": "point", "fields": ["cohort"], "on": "pointerover", "clear": "pointerout"},
    }
    points = layer({"type": "circle", "size": 26}, "observed", 1.0, 0.15, tooltip=tooltip)
    return framed(
        330,
        layer=[
            layer({"type": "area"}, "low", 0.16, 0.0, not crowded, y2={"field": "high"}),
            layer({"type": "line", "strokeWidth": 1.5, "strokeDash": [4, 3]}, "expected", 0.9, 0.1),
            points | {"params": [hover]},
        ],
    )


@cache
def roll_rates(theme: str) -> Spec:
    """Shares of customers by class of days past due at two month ends; columns of `vintages.roll_rates`."""
    ink = INK[theme]
    x = {"field": "to_bucket", "type": "ordinal", "sort": list(BUCKETS)}
    y = {"field": "from_bucket", "type": "ordinal", "sort": list(BUCKETS)}
    turns = {"domain": ["better", "same", "worse"], "range": [BLUE, GREY, RED]}
    share = {"field": "share", "type": "quantitative"}
    tiles = {
        "mark": {"type": "rect", "cornerRadius": 3},
        "encoding": {
            "color": {"field": "turn", "type": "nominal", "scale": turns, "legend": LEGEND},
            "opacity": {**share, "scale": {"type": "sqrt", "domain": [0, 1], "range": [0.06, 0.8]}, "legend": None},
            "tooltip": [
                {"field": "from_bucket", "title": "Days past due"},
                {"field": "to_bucket", "title": "A month later"},
                {**share, "title": "Share", "format": ".1%"},
                {"field": "customers", "title": "Customers", "type": "quantitative", "format": ",d"},
            ],
        },
    }
    words = {
        "transform": [{"filter": "datum.share !== null"}],
        "mark": {"type": "text", "fontSize": 12, "color": ink},
        "encoding": {"text": {**share, "format": ".1%"}},
    }
    axis = {"labelOverlap": False}
    return framed(
        330,
        encoding={
            "x": {**x, "axis": plain_axis("Days past due a month later", **axis), "scale": {"padding": 0.06}},
            "y": {**y, "axis": plain_axis("Days past due", **axis), "scale": {"padding": 0.06}},
        },
        layer=[tiles, words],
    )
