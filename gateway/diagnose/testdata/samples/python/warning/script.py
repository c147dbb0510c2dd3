import warnings

x = 5
if x is 5:  # HERE
    warnings.warn("look out", RuntimeWarning)  # HERE
raise SystemExit(1)
