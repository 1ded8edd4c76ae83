# What needs nothing but a C library: tests/wasm/run.sh.

.PHONY: setup-wasm test-wasm
setup-wasm: ## install what make test-wasm builds and runs WebAssembly with
	@sh common/scripts/setup.sh wasm
test-wasm: | need-compiler ## layers, training and checkpoints with a C library alone; in WebAssembly too
	@CC=$(call quote,$(CC)) sh tests/wasm/run.sh
