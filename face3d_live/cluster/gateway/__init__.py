"""The gateway: every route of one server, answered by whichever worker has what is asked for. It keeps nothing."""
