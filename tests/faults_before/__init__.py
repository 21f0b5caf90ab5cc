"""What went wrong before 1.0, shown by the command itself: `python -m tests.faults_before OLD`.

OLD is a checkout of 6f2cd69. For each fault that the command can show a small input is made of
drawn faces (`inputs`), the command of then and that of now are run over it (`sides`), and one value
of what each wrote is printed beside the other, as a table. `--only B1 C2` runs some.

The cases lie in one module for each section of the list that they were found in, of which they
bear the letter and the number.
"""
