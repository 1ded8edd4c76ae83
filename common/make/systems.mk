# The course on machines that aren't this one: tests/systems/run.sh.
SYSTEMS := debian12 debian13 arm64 musl

.PHONY: test-systems
test-systems: ## both README commands in bare systems (root, debootstrap); SYSTEMS="debian12 debian13 arm64 musl"
	@sh tests/systems/run.sh $(SYSTEMS)
