# `make scan` runs an examination, `make test` the test suite. Both make .venv first.

PYTHON ?= python3
ARM ?= fr3
ARGS ?=
WHEELS ?= ros
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# A sourced ROS 2 brings its own rclpy and numpy; elsewhere the real thing comes as wheels, with the extra that WHEELS names.
ROS := $(and $(ROS_DISTRO),$(shell $(PYTHON) -c 'import rclpy' 2>/dev/null && echo $(ROS_DISTRO)))
READY := $(VENV)/.ready-$(or $(ROS),$(WHEELS))
KERNELS := $(VENV)/.kernels

.PHONY: scan simulate lint test test-all bench clean

scan: $(KERNELS)
	@$(BIN)/medrobot scan --arm $(ARM) --yes $(ARGS)

simulate: $(KERNELS)
	@$(BIN)/medrobot simulate --arm $(ARM) --yes $(ARGS)

lint: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

test: lint $(KERNELS)
	@$(BIN)/python -m pytest -q

test-all: lint $(KERNELS)
	@$(BIN)/python -m pytest -q -m 'slow or not slow'

bench: $(KERNELS)
	@$(BIN)/python bench/figures.py

$(READY): setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12 ...")'
	@echo "installing into $(VENV) ..."
	@$(PYTHON) -m venv $(if $(wildcard $@),,--clear) $(if $(ROS),--system-site-packages) $(VENV) \
	  || { echo "Python cannot make environments here: apt-get install python3-venv"; exit 1; }
ifdef ROS
	@$(PYTHON) -c 'import numpy; print("numpy==" + numpy.__version__)' > $(VENV)/constraints.txt
	@echo "pytest<8.4 # ROS's launch_testing plugin knows no later one" >> $(VENV)/constraints.txt
	@$(PIP) -c $(VENV)/constraints.txt -e '.[test]'
else
	@$(PIP) -e '.[$(WHEELS),test]'
endif
	@touch $@

# numba compiles a function anew when its own file has changed, not when one that it calls lies in another that has.
$(KERNELS): $(READY) $(shell find medrobot_ros -name '*.py')
	@echo "compiling ..."
	@find medrobot_ros -name '*.nb[ci]' -delete
	@$(BIN)/python -c "from medrobot_ros import cell, config; cell.simulated_stages(config.CellConfig())"
	@touch $@

clean:
	rm -rf $(VENV) build install log .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
