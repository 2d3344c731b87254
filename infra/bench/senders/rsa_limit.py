"""The limit of one processor core that signs: RSA-2048 in OpenSSL and nothing else."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from infra.bench.senders.job import Job, measuring, read_job


def run(job: Job) -> None:
    private = serialization.load_pem_private_key(job.key.encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    way, digest = padding.PKCS1v15(), bytes(32)
    prehashed = Prehashed(hashes.SHA256())
    for _ in range(job.warm_up):
        private.sign(digest, way, prehashed)
    with measuring(job.messages):
        for _ in range(job.messages):
            private.sign(digest, way, prehashed)


if __name__ == "__main__":
    run(read_job())
