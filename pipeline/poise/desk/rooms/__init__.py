"""The rooms of the desk: its pages, and what each of them can do"""
