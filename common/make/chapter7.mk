# Chapter 7, and pictures: common/images is linked by programs that read photos, with
# libjpeg and libpng.
IMAGES := $(wildcard common/images/*.c)
IMAGE_LIBRARIES := -ljpeg -lpng
NEED_pictures = $(NEED_compiler) $(LDLIBS)
need-pictures: | need-compiler
	@sh common/scripts/need.sh pictures $(filter-out -MMD -MP,$(NEED_pictures))
.PHONY: need-pictures

command-fine-tuning = sh common/scripts/fine_tuning.sh notes/fine_tuning.csv ## on at 56 pixels, or from scratch? ten minutes
fine-tuning: chapter7

# with_pictures PROGRAM, FLAVOUR, SOURCES: these too, and the libraries.
define with_pictures
$(1): $(call objects,$(2),$(3) $(IMAGES)) | need-pictures
$(1): LIBRARIES += $(IMAGE_LIBRARIES)
endef
$(eval $(call with_pictures,$(BUILD)/chapter7,float))
$(eval $(call with_pictures,$(BUILD)/chapter7_double,double))
$(foreach f,$(FLAVOURS),$(eval $(call with_pictures,$(BUILD)/$(f)/tests/run,$(f),$(call layers_of,7))))
$(foreach f,$(FLAVOURS) fuzzer,$(call objects,$(f),$(IMAGES) $(call layers_of,7))): | need-libraries need-pictures
ifneq ($(and $(MINE_TESTS),$(filter-out 6,$(N))),)
$(eval $(call with_pictures,$(MINE_TESTS),double,$(call mine,$(call layers_of,7))))
endif
