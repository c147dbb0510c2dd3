def f():
    x = (1,  # HERE
         2
    return x
