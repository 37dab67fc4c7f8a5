"""The stream: events from Kafka into the lake and the serving tables.

connection.py   settings → arguments of the Kafka client
envelope.py     version 1 of the messages, made from the contracts
messages.py     bytes → structs, or a sentence that says what is wrong
decoding.py     messages → rows of raw/events, and applications on the way to their score
applications.py applications → rows of features/loans
offsets.py      which offsets to take next; what is lost, and what remains of a range
columnar.py     records of a batch as columns, out of the Kafka client
client.py       the client, exact and patient; log.py: watermarks, exact ranges, a wait for news; reading.py
store.py        a Delta table that is appended to, exactly once
table.py        stream tables and what their transactions say; events.py is raw/events
consume.py      one micro-batch: plan, fetch, decode, commit
deriving.py     a micro-batch → behaviour and live scores; keyed.py, history.py: its memory; remembering.py: read back
pipeline.py     the hot path: take, derive, append, serve; serving.py: PostgreSQL follows the lake
drain.py        a bounded run along the stream; progress.py: its figures; launching.py: when the next one starts
rederiving.py   a day again from raw/events; assembly.py: all of it put together from the settings
upkeep.py       few files and a short log, beside writers
restart.py      offsets given up or read again, on record; quarantine.py: bad messages, and replaying them
commands.py     the verbs of operators
errors.py       what can go wrong, by name
producer.py     messages → Kafka: topics, a steady rate, every message acknowledged
replay.py       a file of loans → applications, the same whenever it is sent; replay_command.py its verb
"""
