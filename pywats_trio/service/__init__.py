"""The parts wired into one service, and who watches over them."""
