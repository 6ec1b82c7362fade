"""A Celery worker with the prefork pool: URL, QUEUE, COUNT, WARM and LOAD come in the environment, as BENCH_URL and so on.

A message is acked when its task has ended (acks_late). With an output each task publishes a confirmed message.
"""
import os
from multiprocessing import Value

from celery import Celery
from kombu import Exchange, Queue

url, queue, load = (os.environ["BENCH_" + name] for name in ("URL", "QUEUE", "LOAD"))
marks = {1: b"first\n", int(os.environ["BENCH_WARM"]): b"warm\n", int(os.environ["BENCH_COUNT"]): b"done\n"}

app = Celery("bench", broker=url)
app.conf.update(
    task_queues=[Queue(queue, exchange=Exchange(""), routing_key=queue, durable=True)],
    task_default_queue=queue,
    task_default_exchange="",
    task_default_routing_key=queue,
    task_acks_late=True,
    task_ignore_result=True,
    worker_enable_remote_control=False,
    broker_transport_options={"confirm_publish": True},
)
# Shared by the processes of the pool.
seen = Value("q", 0)


def count():
    with seen.get_lock():
        seen.value += 1
        mark = marks.get(seen.value)
    if mark:
        os.write(1, mark)


@app.task(name="bench")
def bench(body):
    if load == "output":
        with app.producer_pool.acquire(block=True) as producer:
            producer.publish(body, exchange="", routing_key=queue + ".out", serializer="json", delivery_mode=2)
    count()
