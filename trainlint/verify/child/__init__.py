"""What runs in the sandbox: loaded by file path in the interpreter that has the user's packages.

Nothing here imports the rest of trainlint, and nothing in trainlint imports this but `unread`: parent
and child speak JSON over pipes. `__main__` is the door, `warm` imports torch once and forks, `keeper` watches
one experiment, `arm` runs one program in it.
"""
