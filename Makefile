# Needs GNU make 3.81 or newer and a Python 3.11, 3.12 or 3.13. All that is installed goes into .venv.

PYTHON ?= python3.11 python3.12 python3.13 python3 python
# JupyterLab refuses to run as root unless told; root is who you are in most containers.
LAB_FLAGS ?= $(if $(filter 0,$(shell id -u)),--allow-root)

RUN := .venv/bin/python
# Two test files run at a time, each from start to end in one process, because its tests share
# fixtures. In the order of collection, so that short notebooks come last.
SIDE_BY_SIDE ?= -n 2 --dist loadfile --no-loadscope-reorder
# What `make test` runs, if not everything: make test TESTS="tests/test_setup.py notebooks"
TESTS ?=
# Written last, so that it is there only when a set-up is complete. It names the folder, because an
# environment does not survive a move.
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help lab test check test-numerics book serve notebooks tables grid bench lint lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

lab: $(READY) ## open the course in JupyterLab
	@echo "JupyterLab is opening in your browser. Control-C, twice, stops it."
	@$(RUN) -m jupyterlab --ServerApp.root_dir=notebooks \
	  --LabApp.default_url=/lab/tree/00-start.ipynb \
	  --KernelManager.transport_encryption=auto --Application.log_level=ERROR $(LAB_FLAGS)

test: $(READY) ## run all tests, the notebooks among them
	@$(RUN) -m pytest $(SIDE_BY_SIDE) -m "not slow" $(TESTS)

check: $(READY) lint ## lint, and run the tests without browser, notebooks and what takes long
	@$(RUN) -m pytest $(SIDE_BY_SIDE) -m "not browser and not slow and not long" \
	  transfer_course tests

test-numerics: $(READY) ## run make check with the arithmetic of other processors
	@$(RUN) tests/numerics.py

book: $(READY) ## build the site into book/_build/html, with a PDF of it all
	@$(RUN) book/build.py

serve: $(READY) ## show the site in your browser, and again after each change
	@$(RUN) book/build.py --serve --open-browser

notebooks: $(READY) ## run all notebooks and save them with their outputs
	@$(RUN) book/execute.py

tables: $(READY) ## measure the results of all experiments again: eight hours
	@$(RUN) -m transfer_course.experiments

grid: $(READY) ## measure again what the explorers show without a kernel: two or three hours
	@$(RUN) -m transfer_course.experiments explorer_digits explorer_new_classes \
	  explorer_emoji explorer_solar_cells

bench: $(READY) ## measure how fast the course is: half an hour on a machine with nothing else to do
	@$(RUN) -m transfer_course.experiments.benchmark
	@$(RUN) -m transfer_course.experiments.photo_benchmark

lint: $(READY) ## check style and layout of the code
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

# Keeps every version that still fits; `make lock LOCK_FLAGS=--upgrade` takes the newest instead.
# A lock that comes out the same is not touched, so that nothing is installed anew because of it.
lock: ## bring requirements.lock in step with pyproject.toml
	@$(find_python); \
	tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$$python -m venv "$$tools" && \
	"$$tools/bin/python" -m pip install -qq --disable-pip-version-check uv && \
	cp requirements.lock "$$tools" && \
	"$$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --all-extras \
	  --no-header $(LOCK_FLAGS) --output-file "$$tools/requirements.lock" pyproject.toml && \
	{ cmp -s "$$tools/requirements.lock" requirements.lock || \
	  cp "$$tools/requirements.lock" requirements.lock; }

clean: ## remove the environment, the built site and all caches
	rm -rf .venv book/_build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +

# Leaves in $$python the first of $(PYTHON) that the course runs on and that can make environments.
find_python = for python in $(PYTHON); do \
	  $$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	    2>/dev/null && break; \
	  python=; \
	done; \
	[ -n "$$python" ] || { \
	  echo "The course needs Python 3.11, 3.12 or 3.13 with venv, and found none: install one" \
	    "(on Debian and Ubuntu also python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	}

# An environment that was made in another folder is made again here.
ifneq "$(CURDIR)" "$(shell cat $(READY) 2>/dev/null)"
.PHONY: $(READY)
endif

$(READY): requirements.lock pyproject.toml
	@$(find_python); $$python course.py setup
