# Pictures (chapter 7) are read and written by programs from chapter 5 on; no layer knows.
IMAGES := $(wildcard common/images/*.c)
IMAGE_LIBRARIES = -ljpeg -lpng
# Chapter 6 is for a GPU: chapters 7 and 8 go on from chapter 5, each by itself.
up_to = $(filter-out $(if $(filter 7 8,$(1)),6) $(if $(filter 8,$(1)),7),$(wordlist 1,$(1),$(CHAPTERS)))
