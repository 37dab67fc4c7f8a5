"""Charts as Vega-Lite specifications in plain data: functions of nothing but names and limits."""
