import threading


def work():
    [][1]  # HERE


t = threading.Thread(target=work)
t.start()
t.join()
import nothing_of_that_name  # HERE
