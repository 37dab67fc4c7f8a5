"""Parts of pages: one file per subject, each with the state it shows while its table has nothing to tell."""
