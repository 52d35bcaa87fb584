"""What training code means: from syntax over values and events to the training program.

Rules see `program.Program` and the nouns it hands out; everything else here is how the answers are found.
"""
