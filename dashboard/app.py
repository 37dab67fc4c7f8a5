"""What runs for every visitor: the page that is asked for, to those who may see it."""

import streamlit as st

from dashboard import access, navigation

st.set_page_config(page_title="Credit risk", page_icon=navigation.icon(), layout="wide")

pages = navigation.pages()
if isinstance(access.visitor(), access.Visitor):
    st.navigation(pages).run()
else:  # no page has a name before somebody may look, and each address leads back to its page after the login
    paths = [page.url_path for section in pages.values() for page in section]
    doors = [st.Page(access.door, title="Credit risk", url_path=path or "overview", default=not path) for path in paths]
    st.navigation(doors, position="hidden").run()
