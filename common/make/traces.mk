# The book's figure of warps: a program that runs chapter 6's kernels on a cuda_on_cpu which
# sees every access, and prints what it saw.
BOOK_TRACES := $(BUILD)/book_traces
$(BOOK_TRACES): $(call objects,float,notes/book/traces/main.c $(call layers_up_to,6)) $(call kernels_on,watched,$(KERNELS)) | need-libraries need-cxx
	$(call link_kernels,$(filter %.o,$^))
