exec("x = (")  # HERE
