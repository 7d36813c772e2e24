"""What the study says, in tables: one file for each thing that is said.

selection           which measured runs are compared
convergence         when each variant finds the needle, where it ends, and the verdicts on it
repeats             how far two trainings of one seed are apart
published_numbers   the paper's tables, for reading beside ours
decay               whether an anchor looks ahead, and how far trained heads decay
fusion_levels       what the architectures are, and whether the level of fusion matters
state_size          what d_state costs and brings;  state_size_claims: whether it changes anything
training_speed      tokens a second by d_state
context_lengths     needles beyond the training context;  length_claims: whether they are lost there
clamp               what a clamped decay does to scores and loss on long texts
yarn_balance        what YaRN does to content and importance
"""
