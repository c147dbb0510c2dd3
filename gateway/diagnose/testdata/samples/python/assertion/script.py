class Thing:
    def check(self):
        assert self.x == 2  # HERE

    x = 1


Thing().check()
