"""What each numbered notebook takes as parameters, and the calls that only a notebook makes.

    exploration  01      experiment  02      small_study, convergence  03
    fusion       04      state_size  05      context_length            06
    atlas        07      causes      08      published                 09

`parameters` checks what papermill injects, `small_models` trains while one waits,
`display` shows whole tables.
"""
