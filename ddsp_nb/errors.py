"""What can go wrong for a user: each error is one line that says what to do."""


class WorkbookError(ValueError):
    """Something that the user can mend; the command line prints it and exits with 2."""


class AudioError(WorkbookError):
    """A recording that cannot be read, used or written."""


class ConfigError(WorkbookError):
    """A setting outside its range."""


class CheckpointError(WorkbookError):
    """A file that holds no model of ours, or one that this version cannot use."""


class TrainingError(WorkbookError):
    """A training run that cannot go on."""


class GrowthError(WorkbookError):
    """A growth plan that cannot be rendered."""


class WorkbookWarning(UserWarning):
    """Something that a user should know about their sound: what was done to it, or what to expect of it."""
