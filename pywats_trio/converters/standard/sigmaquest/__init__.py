"""SigmaQuest (SigmaSure): the UnitReport, whose test runs lie in each other."""
