"""The stream: events from Kafka into the lake and the serving tables.

connection.py   settings → arguments of the Kafka client
"""
