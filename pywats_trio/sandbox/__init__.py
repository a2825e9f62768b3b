"""The kernel layers that shut a worker process in: capabilities, Landlock and seccomp.

Loaded in every worker, so nothing here imports more than ctypes and a few small modules.
"""
