# Every target makes what it needs: the first one run on a fresh machine creates .venv from the committed lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NETWORKS := $(VENV)/.networks
EXTRAS := pack batch sklearn lightgbm xgboost catboost statsmodels text
# Which build of torch fits (CPU, CUDA) is for the machine's own index to say, so it has a version and no hash.
TORCH := torch==2.13.0
TORCH_OWN := torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cccl nvidia-cuda-cupti \
	nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-cusolver nvidia-cusparse \
	nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx nvidia-curand

.PHONY: demo test check bench coverage docs lock clean

$(STAMP): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || (echo "holdall needs Python 3.11 to 3.13: make PYTHON=python3.12 …" && exit 2)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src $(VENV)/lib || true
	touch $@

$(NETWORKS): $(STAMP) requirements-networks.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-networks.txt
	touch $@

demo: $(STAMP) ## the main job on real data, each command shown
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/penguins/demo.sh

test: $(NETWORKS) ## the whole suite
	$(BIN)/python -m pytest -n auto

check: $(STAMP) ## format, lint, types, floors
	$(BIN)/ruff format --check src tests benchmarks examples scripts
	$(BIN)/ruff check src tests benchmarks examples scripts
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## every figure of the README, each a ratio against the alternative in one run
	$(BIN)/python -m benchmarks

coverage: $(NETWORKS) ## what of every framework packs, and how exactly: docs/reference/coverage.md, in some half an hour
	$(BIN)/python -W ignore -m benchmarks.coverage --jobs 2
	$(BIN)/python -W ignore -m benchmarks.coverage --frameworks --jobs 2
	$(BIN)/python scripts/coverage_page.py

docs: $(STAMP) ## the generated pages: commands, JSON schema
	$(BIN)/python scripts/commands_page.py
	$(BIN)/python scripts/schema_page.py

lock: $(STAMP) ## the lock anew: hashes of every platform, no address
	$(BIN)/uv pip compile pyproject.toml $(addprefix --extra ,$(EXTRAS)) --group dev --universal --generate-hashes \
		--no-header --python-version 3.11 --quiet --output-file requirements.txt
	sed -E '/^ +--hash/d; s/ \\$$//' requirements.txt > $(VENV)/constraints.txt
	$(BIN)/uv pip compile pyproject.toml --group networks --constraint $(VENV)/constraints.txt --universal \
		--generate-hashes --no-header --no-annotate --python-version 3.11 --quiet \
		$(addprefix --no-emit-package ,$(TORCH_OWN)) --output-file requirements-networks.txt

clean:
	rm -rf $(VENV) .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
