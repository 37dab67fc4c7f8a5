"""Charts of the overview."""

from functools import cache

from dashboard.charts.look import BAND_ORDER, DECIDED, LEGEND, RISK, Spec, framed, plain_axis, share_axis


@cache
def bands() -> Spec:
    """Share of loans by band in the colours of the four risk classes; columns of `portfolio.by_band`."""
    return framed(
        215,
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "x": {
                "field": "pd_range", "type": "ordinal", "sort": BAND_ORDER,
                "axis": plain_axis("PD within twelve months", labelOverlap=True, labelFontSize=11),
                "scale": {"paddingInner": 0.25},
            },
            "y": {"field": "share", "type": "quantitative", "axis": share_axis("Share of loans")},
            "color": {"field": "risk_class", "type": "nominal", "scale": RISK, "legend": LEGEND},
            "tooltip": [
                {"field": "risk_class", "title": "Risk"},
                {"field": "pd_range", "title": "PD"},
                {"field": "loans", "title": "Loans", "type": "quantitative", "format": ",d"},
                {"field": "share", "title": "Share of loans", "type": "quantitative", "format": ".1%"},
                {"field": "exposure", "title": "Exposure", "type": "quantitative", "format": "$,.3s"},
            ],
        },
    )  # fmt: skip


@cache
def decisions() -> Spec:
    """Approved, referred and declined by quarter of issue; columns of `portfolio.decisions_by_quarter` and `label`."""
    return framed(
        215,
        mark={"type": "bar"},
        encoding={
            "x": {
                "field": "label", "type": "ordinal", "sort": {"field": "quarter"},
                "axis": plain_axis("Quarter of issue", labelOverlap=True),
                "scale": {"paddingInner": 0.35},
            },
            "y": {
                "field": "share", "type": "quantitative", "stack": "zero", "scale": {"domain": [0, 1]},
                "axis": share_axis("Share of loans"),
            },
            "color": {"field": "decision", "type": "nominal", "scale": DECIDED, "legend": LEGEND},
            "order": {"field": "rank"},
            "tooltip": [
                {"field": "label", "title": "Quarter"},
                {"field": "decision", "title": "Decision"},
                {"field": "loans", "title": "Loans", "type": "quantitative", "format": ",d"},
                {"field": "share", "title": "Share", "type": "quantitative", "format": ".1%"},
            ],
        },
    )  # fmt: skip
