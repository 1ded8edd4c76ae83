# Pictures: IMAGES are linked into programs from chapter 5 on, tests and fuzz; their
# libraries, IMAGE_LIBRARIES, are looked for before they are compiled.
$(foreach f,$(FLAVOURS) fuzzer,$(call objects,$(f),$(IMAGES))): | need-libraries
