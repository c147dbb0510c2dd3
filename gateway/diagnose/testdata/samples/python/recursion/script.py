def f(n):
    return f(n + 1)  # HERE


f(0)
