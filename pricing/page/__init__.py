"""The page of ``app.py``: what it shows (card, chart, style), its form, and its guard."""
