"""The convergence study: its runs, its plans, what is kept of them; see `python -m model.study --help`.

    limits      what no run survives: seeds, rates and sizes that are refused before anything starts
    sweep       what becomes of workers that die
    runs        StudyRun: one training run; `train_all` spreads many over a cluster
    plans       which variants and seeds are trained, by name of the plan
    lengths     a finished run measured on longer contexts
    collect     run folders put into the tables of data/measured
    findings/   what the tables say, one file for each thing that is said
    notebooks/  parameters of notebooks 01 to 07 and the few calls that only a notebook makes
    reproduction, readme   the paper's claims beside what was measured, and the text of both pages

Each imports what stands above it, never what stands below.
"""
