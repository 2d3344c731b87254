from __future__ import annotations

import pytest

from tests.local.cloud_tasks_emulator import Emulator, Receiver


@pytest.fixture(scope="module")
async def emulator(tmp_path_factory):
    emulator = Emulator(tmp_path_factory.mktemp("tasks"))
    yield emulator
    await emulator.stop()


@pytest.fixture(scope="module")
async def client(emulator):
    return emulator.client()


@pytest.fixture
async def receiver(emulator):
    receiver = Receiver(emulator.clock)
    await receiver.start()
    yield receiver
    await emulator.post("/reset")
    await receiver.stop()
