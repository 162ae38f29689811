"""Configuration of gunicorn: the log tells when a worker has loaded the application."""

#: Newer versions open a socket in the home directory, the same one for every server.
control_socket_disable = True


def post_worker_init(worker):
    worker.log.info("Worker ready: %s", worker.pid)
