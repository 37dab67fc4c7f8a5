"""The dashboard: what the platform's tables say, for those who decide.

app.py        navigation, and who may see what
page.py       what every page shares: heading, data as of, states without figures
filters.py    filters in the URL
reading.py    the tables of the lake and PostgreSQL, one handle per process
charts/       Vega-Lite specifications as plain data; no streamlit there
sections/     parts of pages, one file per subject
app_pages/    one file per page; streamlit would run files of a folder named pages by itself
"""
