# make setup   a virtual environment in .venv with what requirements*.txt pin
# make demo    the whole pipeline on a drawn sample catalogue, then one priced listing
# make page    the page in the browser, on the models of make demo
# make test    lint, format and tests
# make bench   speed, each a ratio of two ways in one run (bench/README.md)
#
# make setup takes the newest of Python 3.11, 3.12 and 3.13 that it finds. It reads
#   PYTHON       another interpreter: make setup PYTHON=/path/to/python3.12
#   TORCH_INDEX  a package index with CPU builds of torch (PyTorch names it under Get Started):
#                none of the 3.5 GB of CUDA libraries is installed then

PYTHONS = python3.13 python3.12 python3.11 python3 python
USABLE = import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for name in $(PYTHONS); do \
	$$name -c '$(USABLE)' >/dev/null 2>&1 && echo $$name && break; done)
TORCH_INDEX ?=
RUN = .venv/bin/python
SAMPLE = --data-dir data/sample

.PHONY: setup demo page test bench

setup: .venv/ready

.venv/ready: requirements.txt requirements-nodeps.txt constraints.txt
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(USABLE)' >/dev/null 2>&1 || { echo "error: no Python\
	 3.11, 3.12 or 3.13 with its venv module; install one (Debian, Ubuntu: apt install python3-venv;\
	 macOS: brew install python@3.13) or name one: make setup PYTHON=/path/to/python3.13" >&2; exit 2; }
	@$(RUN) -c '$(USABLE)' >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
ifneq ($(TORCH_INDEX),)
	$(RUN) -m pip install --no-deps --index-url $(TORCH_INDEX) $(shell grep ^torch requirements.txt)
endif
	$(RUN) -m pip install -r requirements.txt
	$(RUN) -m pip install --no-deps -r requirements-nodeps.txt
	@touch $@

demo: setup
	@echo "== sample catalogue"; $(RUN) -m sample
	@echo "== 1  product table and attributes"; $(RUN) Use_LLM_for_preprocess.py $(SAMPLE) --llm-limit 16
	@echo "== 2  clusters"; $(RUN) clustering_DEC.py $(SAMPLE)
	@echo "== 3a classical classifiers"; $(RUN) Classification_ML.py $(SAMPLE)
	@echo "== 3b CNN"; $(RUN) Classification_with_CNN.py $(SAMPLE)
	@echo "== 3c CNN and text"; $(RUN) Classification_with_CNN_multimodal.py $(SAMPLE)
	@echo "== 3d CLIP Fusion"; $(RUN) Classification_with_CLIP.py $(SAMPLE)
	@echo "== 4a prices: linear, neighbours, trees"; $(RUN) regression_ML.py $(SAMPLE)
	@echo "== 4b prices: networks"; $(RUN) regression_DL_SOTA.py $(SAMPLE)
	@echo "== 4c second-hand prices"; $(RUN) regression_ML.py $(SAMPLE) --market resale
	@echo "== attributes imputed"; $(RUN) -m attributes.impute $(SAMPLE)
	@echo "== listings calibrated"; $(RUN) -m pricing.calibrate $(SAMPLE)
	@echo "== report"; $(RUN) -m reports $(SAMPLE)
	@echo "== 5  one listing"
	@$(RUN) predict_price.py $(SAMPLE) --text "Black leather boots, worn twice"

page: setup
	@$(RUN) app.py $(SAMPLE)

test: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(RUN) -m pytest -n 2 --dist loadfile

bench: setup
	@$(RUN) -m bench
	@$(RUN) -m reports
