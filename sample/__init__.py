"""The sample catalogue: drawn products in the two Kaggle layouts, with a known price formula.

- `catalogue`: planted cases, the atomic write, the truth and the ceiling
- `layout_hnm`, `layout_fashion`: the files of the two downloads
- `products`, `kinds`, `texts`: what is sold, at what price, in what words
- `looks`, `pictures`, `clothes`, `shoes_and_bags`, `pen`: how it is drawn
"""
