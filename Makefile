.PHONY: live test lint clean

live:  ## set up what is missing, then serve the page
	@scripts/setup.sh live
	@.venv/bin/python run_live.py $(ARGS)

test: lint  ## set up what is missing, then lint, type-check and test
	.venv/bin/python -m pytest

lint:
	@scripts/setup.sh test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
