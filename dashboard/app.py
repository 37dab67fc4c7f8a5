"""Navigation: which pages there are, and who may see them."""

from pathlib import Path

import streamlit as st

from dashboard import access

HERE = Path(__file__).parent

st.set_page_config(page_title="Credit risk", page_icon=str(HERE / "icon.svg"), layout="wide")

PAGES = {
    "Portfolio": [
        st.Page(HERE / "app_pages/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page(HERE / "app_pages/vintages.py", title="Vintages", icon=":material/show_chart:"),
    ],
    "Decisions": [
        st.Page(HERE / "app_pages/watch_list.py", title="Watch list", icon=":material/notifications_active:"),
        st.Page(HERE / "app_pages/applicant.py", title="Applicant", icon=":material/person_search:"),
    ],
    "Trust": [
        st.Page(HERE / "app_pages/model_health.py", title="Model health", icon=":material/verified:"),
        st.Page(HERE / "app_pages/pipeline.py", title="Pipeline", icon=":material/account_tree:"),
    ],
}

if isinstance(access.visitor(), access.Visitor):
    st.navigation(PAGES).run()
else:  # no page has a name before somebody may look, and each address leads back to its page after the login
    paths = [page.url_path for pages in PAGES.values() for page in pages]
    doors = [st.Page(access.door, title="Credit risk", url_path=path or "overview", default=not path) for path in paths]
    st.navigation(doors, position="hidden").run()
