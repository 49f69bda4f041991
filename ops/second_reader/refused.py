"""How this program ends when it does not do what it was asked to."""

# exit statuses, as in docs/ERRORS.md
FAILED, IN_PART, NOT_FOUND, WRONG_KEY, TARGET_NOT_EMPTY, DAMAGED = 1, 3, 10, 12, 14, 21


class Refused(Exception):
    """Ends the program with a message and an exit status."""

    def __init__(self, message, status=DAMAGED):
        super().__init__(message)
        self.status = status
