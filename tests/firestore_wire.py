"""Between the stock client and the emulator: counts what goes over the wire by Firestore's price list, not by our code."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.cloud.firestore_v1.types import firestore as calls

CALL = "/google.firestore.v1.Firestore/"


class FirestoreWire:
    """A gRPC proxy; `with` opens it. host: where clients find it. seen: reads, writes and deletes that were answered."""

    def __init__(self, emulator: str) -> None:
        self.seen: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._channel = grpc.insecure_channel(emulator)
        self._server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers([_Everything(self._pass_on)])
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> FirestoreWire:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(1).wait()
        self._channel.close()

    def _pass_on(self, method: str, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        carried = [
            (name, value)
            for name, value in context.invocation_metadata()
            if not name.startswith((":", "grpc-", "user-"))
        ]
        answers = []
        try:
            for answer in self._channel.unary_stream(method)(request, metadata=carried):
                answers.append(answer)
                yield answer
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        counted = _billed(method.removeprefix(CALL), request, answers)
        with self._counting:
            self.seen += counted


class _Everything(grpc.GenericRpcHandler):
    def __init__(self, pass_on):
        self._pass_on = pass_on

    def service(self, details):
        def handle(request, context):
            return self._pass_on(details.method, request, context)

        return grpc.unary_stream_rpc_method_handler(handle)


def _billed(method: str, request: bytes, answers: list[bytes]) -> Counter[str]:
    """cloud.google.com/firestore/pricing: a query without results is a read, an aggregation one per 1,000 entries."""
    match method:
        case "BatchGetDocuments":
            return Counter(reads=len(calls.BatchGetDocumentsRequest.deserialize(request).documents))
        case "RunQuery":
            found = [calls.RunQueryResponse.deserialize(one).document.name for one in answers]
            return Counter(reads=max(1, sum(map(bool, found))))
        case "RunAggregationQuery":
            return Counter(reads=1)
        case "Commit":
            writes = calls.CommitRequest.deserialize(request).writes
            deletes = sum(bool(one.delete) for one in writes)
            return Counter(writes=len(writes) - deletes, deletes=deletes)
        case _:
            raise AssertionError(f"{method} is not expected")
