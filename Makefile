.PHONY: live test lint page clean

live:  ## set up what is missing, then serve the page
	@scripts/setup.sh live
	@.venv/bin/python run_live.py $(ARGS)

test: lint page  ## set up what is missing, then lint, type-check and test
	.venv/bin/python -m pytest

lint:
	@scripts/setup.sh test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

page:  ## the page's JavaScript alone: types, lint, tests
	@scripts/setup.sh page
	@scripts/check_page.sh

clean:
	rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache
