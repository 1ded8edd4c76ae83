# Pictures (chapter 7) are read and written by programs from chapter 5 on; no layer knows.
IMAGES := $(wildcard common/images/*.c)
IMAGE_LIBRARIES = -ljpeg -lpng
# Chapter 6 is for a GPU: chapter 7 goes on from chapter 5.
up_to = $(filter-out $(if $(filter 7,$(1)),6),$(wordlist 1,$(1),$(CHAPTERS)))
