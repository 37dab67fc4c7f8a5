"""A development broker: speaks the Kafka protocol on one machine; it is not Apache Kafka.

batch.py        one record batch: what its header says, whether it is whole
index.py        sparse index of a segment, and its checkpoint
producers.py    what idempotent producers have sent, so that a retry is written once
segment.py      one file of batches
log.py          one partition: segments, retention, look-ups by offset and by time
store.py        topics, committed offsets and counters in SQLite
topics.py       topics and their logs
groups.py       consumer groups of the classic protocol
wire.py         requests and responses as bytes
handlers/       one function for every API
server.py       connections on loopback; run.py is the process
"""
