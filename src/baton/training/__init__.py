"""Training: from a training set and a recipe to a candidate model that anyone can make again, byte for byte."""
