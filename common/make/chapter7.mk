# Pictures: IMAGES are linked into programs from chapter 5 on, tests and fuzz; their
# libraries, IMAGE_LIBRARIES, are looked for before they are compiled.
$(foreach f,$(FLAVOURS) fuzzer,$(call objects,$(f),$(IMAGES))): | need-libraries

command-fine-tuning = sh common/scripts/fine_tuning.sh notes/fine_tuning.csv ## low resolution first, or not? ten minutes
fine-tuning: chapter5 chapter7

command-test-faults = sh tests/faults/run.sh ./chapter5 $(BUILD)/faults && \
    sh tests/faults/pictures.sh ./chapter5 ./chapter7 $(BUILD)/faults ## what fails under a run must not cost it: LONG=1 KILLS=500: all
test-faults: chapter7
