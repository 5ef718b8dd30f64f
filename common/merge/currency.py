"""Exchange rates and price scales: what turns a source's price into USD."""

EUR_TO_USD = 1.15
INR_TO_USD = 0.011
HNM_TO_EUR = 590  # scaled H&M price x 590 = retail price point (19.99, 29.99)
