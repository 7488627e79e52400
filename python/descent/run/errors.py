"""What a user of descent-run did wrong, or what this machine lacks, in a sentence."""


class Refused(Exception):
    """Ends the program with its message, and no traceback."""
