"""The page that participants see in their browser. `docs/PAGE.md` says what it does and what it holds."""
