"""The desk: Poise in a browser of this machine, for people who do not use a terminal"""
