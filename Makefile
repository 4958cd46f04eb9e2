# Processes that run tests side by side: one more than cores, as tests of a server wait a lot.
WORKERS ?= 3
PYTEST = .venv/bin/python -m pytest -n $(WORKERS)
# The tests start some two hundred Python programs: without compiled files each would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: live test quick coverage lint page docs clean

live:  ## set up what is missing, then serve the page
	@scripts/setup.sh live
	@.venv/bin/python run_live.py $(ARGS)

test: lint page  ## set up what is missing, then lint, type-check and test
	$(PYTEST)

quick:  ## the unit tests alone, in about a minute
	@scripts/setup.sh test
	@.venv/bin/python -m pytest -n auto -q -m "not (slow or server or browser or cluster or data or cuda)"

coverage:  ## what of the package the tests run, those in a browser left out
	@scripts/setup.sh test
	$(PYTEST) -m "not browser" --cov --cov-report=term:skip-covered

lint:
	@scripts/setup.sh test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

page:  ## the page's JavaScript alone: types, lint, tests
	@scripts/setup.sh page
	@scripts/check_page.sh

docs:  ## set up what is missing, then build the documentation site
	@scripts/setup.sh docs
	@scripts/build_docs.sh

clean:
	rm -rf build/docs .venv node_modules .mypy_cache .ruff_cache .pytest_cache
