"""The platform on one machine: the demo and the processes it keeps up."""
