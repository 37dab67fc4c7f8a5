"""One function for every API: the node and a request in, a response out."""
