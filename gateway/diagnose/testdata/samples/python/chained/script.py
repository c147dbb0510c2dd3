def load(name):
    d = {"a": 1}
    return d[name]  # HERE


try:
    load("b")
except KeyError as e:
    raise ValueError("no such name\nat all") from e  # HERE
