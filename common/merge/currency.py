"""Exchange rates and price scales: what turns a source's price into USD."""

import tomllib
from pathlib import Path

EUR_TO_USD = 1.15  # this and the next are the study's, for the two catalogues
INR_TO_USD = 0.011
HNM_TO_EUR = 590  # scaled H&M price x 590 = retail price point (19.99, 29.99)

# Of listings: "date", "rates" (USD for one unit), "signs" (what stands for a code, lower case).
TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
RATES: dict[str, float] = TABLE["rates"]
