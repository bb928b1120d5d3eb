"""A Spyce module: a class of the same name as its file."""
import random

from spyceModule import spyceModule


class dice(spyceModule):
    """Rolls dice and remembers what it rolled, for as long as the page runs."""

    def start(self):
        """Called before the page."""
        self.sides = 6
        self.rolled = []

    def init(self, sides=6):
        """Called with the args of the import directive."""
        self.sides = sides

    def roll(self):
        """A number from 1 to `sides`."""
        self.rolled.append(random.randint(1, self.sides))
        return self.rolled[-1]
