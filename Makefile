# The two commands of the README are `make chat` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
JOBS ?= 2

DATA ?= ../shared/data

.PHONY: chat test check bench build risk-model risk-report reply-model reply-report coaching-model coaching-report personal-data-report clean help

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

chat: $(VENV)/.app ## talk with the companion in the terminal; ARGS="--lang en --show"
	@$(BIN)/qiaoban chat $(ARGS)

test: $(VENV)/.test ## run every test, JOBS=2 at a time
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

check: $(VENV)/.check ## formatting, lints, types, the arrows between packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests examples
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(VENV)/.test ## how long a turn takes, p50 and p99
	$(BIN)/pytest tests/benchmarks --benchmark-enable --benchmark-only \
		--benchmark-columns=min,median,mean,max,rounds -s $(ARGS)

risk-model: $(VENV)/.training ## rebuild the risk model from the corpus and the sets in DATA
	$(BIN)/python guards/training/train.py --data $(DATA)

risk-report: $(VENV)/.training ## measure the risk model and write the tables of its card
	$(BIN)/python guards/training/evaluate.py --data $(DATA) --write docs/risk-model-card.md

reply-model: $(VENV)/.training ## rebuild the reply classifier from its corpus and the sets in DATA
	$(BIN)/python guards/training/train_replies.py --data $(DATA)

reply-report: $(VENV)/.training ## measure the reply classifier and write the tables of its card
	$(BIN)/python guards/training/evaluate_replies.py --data $(DATA) --write docs/reply-model-card.md

coaching-model: $(VENV)/.training ## rebuild the coaching model from its corpus
	$(BIN)/python finetune/coaching/train_coaching.py

coaching-report: $(VENV)/.training ## measure the coaching model and the dialogues it leads
	$(BIN)/python finetune/coaching/evaluate_coaching.py --data $(DATA) \
		--write docs/coaching-model-card.md

tagger-model: $(VENV)/.training ## rebuild the tagger of personal data from its corpus and the sets in DATA
	$(BIN)/python guards/training/train_tagger.py --data $(DATA)

personal-data-report: $(VENV)/.training ## measure how personal data is found, and write its card
	$(BIN)/python guards/training/evaluate_personal_data.py --write docs/personal-data-card.md

build: $(VENV)/.check ## the wheel and the source distribution
	$(BIN)/python -m build

clean: ## remove what was made
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.app: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

# torch comes first and alone, so that the others take it as it is.
$(VENV)/.test: $(VENV)/.app
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e ".[all]" \
		--group test --group training
	@touch $@

$(VENV)/.training: $(VENV)/.app
	$(BIN)/python -m pip install --quiet --group training
	@touch $@

$(VENV)/.check: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --group check
	@touch $@
