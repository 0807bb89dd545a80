"""How alike two contacts are: weak evidence weighed, so that a person can decide. Pure; nothing here merges anybody.

Fellegi and Sunter's model (1969): every field that two contacts both have is compared and falls into a level; the
weight of a level is log2(m / u), m how often the records of one person fall into it, u how often those of two strangers
do. The weights are added to the prior. u is taken from the population at hand, value by value, for near levels as well
as for equality: "equal but for one letter to Nguyen" says less than the same of a rare name. m is learned without
answers, by expectation and maximisation over the pairs of a population (`learning.py`).
"""
