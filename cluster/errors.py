"""Why a cluster does not start. Each message is one line that says what to do.

| `ClusterError` | |
|---|---|
| `DataFolderError` | the data directory cannot be used |
| `PortError` | no free port, or the public one is taken |
| `MissingProgramError` | a program is not installed |
| `MigrationError` | the database could not be brought up to date |
| `StartError` | a process does not start |
"""


class ClusterError(Exception):
    """The cluster does not start."""


class DataFolderError(ClusterError):
    """The data directory cannot be used."""


class PortError(ClusterError):
    """No free port was found, or the public one is taken."""


class MissingProgramError(ClusterError):
    """A program is not installed; the message says which package it comes with."""


class MigrationError(ClusterError):
    """The database could not be brought up to date."""


class StartError(ClusterError):
    """A process does not start; the message says which one, its last words and where its log is."""
