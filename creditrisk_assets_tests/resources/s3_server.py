"""A process that serves S3 (moto) on loopback until its parent is gone: `python s3_server.py` prints the port."""

import logging
import sys


def serve() -> None:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    sys.stdout.write(f"{server.get_host_and_port()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()  # ends with the parent, however that ends
    server.stop()


if __name__ == "__main__":
    serve()
