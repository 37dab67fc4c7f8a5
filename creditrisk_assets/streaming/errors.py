"""What can go wrong between Kafka and the lake; every message names the place and the remedy."""


class StreamError(RuntimeError):
    """The stream cannot go on as it is."""


class KafkaUnavailableError(StreamError):
    """No broker answers in time; nothing was taken, so it is safe to try again."""


class LakeUnavailableError(StreamError):
    """The lake cannot be written; what was not committed is taken again later."""


class TopicMissingError(StreamError):
    """There is no such topic."""


class LossError(StreamError):
    """Messages may be lost; nothing is skipped until an operator says so."""


class RetentionPassedError(LossError):
    """The broker removed messages before they were taken."""


class TopicRestartedError(LossError):
    """The log is not the one that was read before: the topic was made anew, or the log was cut."""


class PartitionsMissingError(LossError):
    """Partitions that were read before are gone."""


class RangeError(StreamError):
    """A range that was asked for cannot be taken: it leaves a gap, or lies outside the log."""


class AlreadyTakenError(StreamError):
    """Everything asked for is in the lake already: another was faster, or the range was run before."""
