"""The stream: events from Kafka into the lake and the serving tables.

connection.py   settings → arguments of the Kafka client
envelope.py     version 1 of the messages, made from the contracts
messages.py     bytes → structs, or a sentence that says what is wrong
decoding.py     messages → rows of raw/events, and applications on the way to their score
applications.py applications → rows of features/loans
"""
