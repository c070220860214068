# make demo   a small dataset, built and verified, and a network's first steps, from nothing
# make test   the gate: format, lint, types, tests
# make bench  speed and size, as one table

PYTHON ?= python3
PIP := .venv/bin/pip --disable-pip-version-check --quiet
PACKAGES := python3-venv libegl1 libgl1 libgl1-mesa-dri libxcb1 libglib2.0-0
# pyrender pins a PyOpenGL that breaks from Python 3.13 on.
PYOPENGL := PyOpenGL==3.1.10

# SpyNet's coarsest level alone learns within a minute of two cores.
FIRST_STEPS := --model spynet --set options.num_levels=4 --set options.num_enlarged=3 \
  --steps 900 --batch-size 4 --crop 192 192 --set optimiser.lr=4e-4 --set schedule.name=onecycle \
  --augment none --set augment.spatial.flip_x=0.5 --set augment.spatial.flip_y=0.5 \
  --set validation.every=300 --set machine.workers=1

.PHONY: demo test check bench constraints clean

demo: .venv/base
	.venv/bin/chairsgen build --n 24 --out data/demo --set assets.val_samples=0.125
	.venv/bin/chairsgen verify data/demo
	.venv/bin/chairsgen stats data/demo
	.venv/bin/python -m chairsgen.sheet dataset data/demo data/demo.png
	.venv/bin/chairsgen build --n 96 --recipe first-steps --out data/first-steps --set assets.val_samples=0.125
	.venv/bin/trainer train --data data/first-steps --val data/first-steps --run runs/first-steps $(FIRST_STEPS)
	@echo "look at data/demo.png; README.md says how to read data/demo, and how to go on"

test: check
	.venv/bin/python -m pytest -n auto

check: .venv/dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

bench: .venv/dev
	.venv/bin/python -m tests.benchmarks

# A venv with what the package needs, and one with what its development needs too.
.venv/base: pyproject.toml constraints.txt
	@$(SYSTEM)
	test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt --editable '.[torch]'
	$(PIP) install --no-deps $(PYOPENGL)
	touch $@

.venv/dev: .venv/base
	$(PIP) install --constraint constraints.txt --editable '.[dev,torch,studies,export]'
	$(PIP) install --no-deps $(PYOPENGL)
	touch $@

# The system libraries, installed where we may, else asked for.
define SYSTEM
missing=; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing=yes; \
for library in libEGL.so.1 libGL.so.1 libxcb.so.1 libglib-2.0.so.0; do \
  $(PYTHON) -c "import ctypes; ctypes.CDLL('$$library')" 2>/dev/null || missing=yes; \
done; \
if [ -n "$$missing" ]; then \
  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
  elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then \
    sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
  else \
    echo "system libraries are missing; run: sudo apt-get install $(PACKAGES)" >&2; exit 1; \
  fi; \
fi
endef

# The newest releases that pyproject.toml admits, frozen.
constraints: .venv/dev
	$(PIP) freeze --exclude-editable --exclude PyOpenGL | sed 's/+cpu//' | sort --ignore-case > constraints.txt

clean:
	rm -rf .venv data/demo data/demo.png data/first-steps runs/first-steps
