"""One pipelined SMTP conversation: which reply belongs to which message, and what is known when it breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

from warmpost.adapters.smtp.send_queue import Item, SendQueue
from warmpost.adapters.smtp.transport import Transport
from warmpost.adapters.smtp.wire import BLOCK, ENVELOPE, Offers, Step, Timeouts, end_of_data, stuffed
from warmpost.rules.delivery.envelope import HandOver, Outcome, Reply
from warmpost.rules.delivery.smtp_replies import Garbled, ReplyReader, closes_connection, judge, parse_reply


class Conversation(Transport):
    """Takes messages from a claim batch and hands them over, one round trip each.

    MAIL, RCPT and DATA leave in one write, behind the content of the message before (RFC 2920); without PIPELINING
    the same commands leave one by one. Replies come in the order of the commands, so two messages at most are here:

    beginning  its envelope, then its content is being written: without the final dot no relay can have taken it
    ending     its final dot was written: if anything breaks before its reply, it is in doubt
    """

    def __init__(
        self,
        relay: str,
        offers: Offers,
        timeouts: Timeouts,
        transport: asyncio.Transport,
        since: float,
        mark: bytes = b"",
    ) -> None:
        """since: when its opening began. mark: header field that goes above each message, for the relay alone."""
        super().__init__(transport, timeouts.idle)
        self.since = since
        self._relay = relay
        self._mark = mark
        self._offers = offers
        self._timeouts = timeouts
        self._reader = ReplyReader()
        self._replies: deque[bytes] = deque()
        self._awaited: deque[Step] = deque()
        self._held: deque[bytes] = deque()  # without PIPELINING: commands that wait for the reply before
        self._queue = SendQueue((), self._loop.time)
        self._beginning: Item | None = None
        self._ending: Item | None = None
        self._settled = False  # `beginning` has its outcome, but replies to it are still to come
        self._recipient_taken = False
        self._needs_reset = False
        self._finished: asyncio.Future[None] | None = None
        self._served = False  # an earlier claim batch
        self._heard = False  # from the relay, in this claim batch
        self.answered = 0  # messages of this claim batch that got their reply, 421 aside
        self.fault = ""  # what ended it, where the relay is to blame

    async def work_on(self, queue: SendQueue) -> None:
        """Hand over messages until none is waiting or the connection ends. Cancelled, it closes the connection."""
        self._queue = queue
        self._heard = False
        self.answered = 0
        before = self.written
        self._finished = self._loop.create_future()
        try:
            self._proceed()
            self.set_alarm()
            await self._finished
        except BaseException:
            self._end("cancelled", blame=False)
            raise
        finally:
            self._finished = None
            self._served = True
            queue.written += self.written - before

    def quit(self) -> None:
        if self._finished is None and not self._awaited:
            self.leave(b"QUIT\r\n")
        else:
            self._end("closed by us", blame=False)

    def _proceed(self) -> None:
        """Nothing is under way: begin the next message, or rest."""
        if commands := self._next_envelope():
            self.write(commands)
        elif self._finished and not self._finished.done():
            self._finished.set_result(None)

    def _next_envelope(self) -> bytes:
        """Take a message and expect the replies to its envelope; what is to be written now."""
        taken = self._queue.take(self._relay, self._offers)
        if taken is None:
            return b""
        self._beginning, commands = taken
        self._settled = self._recipient_taken = False
        if self._needs_reset:
            self._needs_reset = False
            self._awaited.append(Step.RSET)
            commands = b"RSET\r\n" + commands
        self._awaited.extend(ENVELOPE)
        if self._offers.pipelining:
            return commands
        self._held.extend(commands.splitlines(keepends=True))
        return self._held.popleft()

    def _write_content(self, item: Item) -> None:
        blocks = stuffed((self._mark, *item.message.content))
        if self._queue.is_stopped():
            self._end("stopped", blame=False)
        elif item.message.size <= BLOCK:
            self._write_end(item, b"".join(blocks))
        else:
            self.stream(blocks, partial(self._write_end, item, b""))

    def _write_end(self, item: Item, content: bytes) -> None:
        """The point of no return: the final dot, and behind it the next message's envelope."""
        if self._transport.is_closing():
            self.lost()
            return
        self._beginning, self._ending = None, item
        self._awaited.append(Step.MESSAGE)
        envelope = self._next_envelope() if self._offers.pipelining else b""
        self.write(b"".join((content, end_of_data(item.message.content), envelope)))

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            self._replies.extend(self._reader.feed(data))
            while self._replies and self.is_open:
                self._take_reply(parse_reply(self._replies.popleft()))
            self._reader.check()
        except Garbled as garbled:
            self._end(f"the relay answered out of turn ({garbled})")
        if self.is_open:
            self.set_alarm()

    def _take_reply(self, reply: Reply) -> None:
        if not self._awaited:
            self._unasked(reply)
            return
        step = self._awaited.popleft()
        if closes_connection(reply):
            self._dismissed(step, reply)
        elif step is Step.MESSAGE:
            self._message_answered(reply)
        elif step is Step.LONE_DOT:
            self._proceed()
        elif step is Step.DATA:
            self._data_answered(reply)
        elif reply.code // 100 == 2:
            self._recipient_taken |= step is Step.RCPT
            if self._held:
                self.write(self._held.popleft())
        elif step is Step.RSET:
            raise Garbled(str(reply))
        else:
            self._refused(reply)

    def _message_answered(self, reply: Reply) -> None:
        assert self._ending is not None
        self._queue.settle(self._ending, Outcome(judge(reply), self._relay, reply))
        self.answered += 1
        self._ending = None
        if self._beginning is None:
            self._proceed()

    def _data_answered(self, reply: Reply) -> None:
        assert self._beginning is not None
        if reply.code != 354:
            self._refused(reply)
            self._beginning = None
            self._proceed()
        elif self._replies or self._reader:
            raise Garbled(f"{reply}, and more before the message")
        elif not self._settled:
            self._write_content(self._beginning)
        elif self._recipient_taken:
            raise Garbled(f"{reply}, after refusing the sender")
        else:
            # The relay goes ahead without a recipient: nothing but the lone dot may follow (RFC 2920 section 3.1).
            self._beginning = None
            self._awaited.append(Step.LONE_DOT)
            self.write(b".\r\n")

    def _refused(self, reply: Reply) -> None:
        """The first refusal is the message's outcome; those to the commands behind it only follow from it."""
        assert self._beginning is not None
        hand_over = judge(reply)
        if hand_over is HandOver.ACCEPTED:
            raise Garbled(str(reply))
        if not self._settled:
            self._queue.settle(self._beginning, Outcome(hand_over, self._relay, reply))
            self.answered += 1
        self._settled = self._needs_reset = True
        if self._held:
            self._held.clear()
            self._awaited.clear()
            self._beginning = None
            self._proceed()

    def _dismissed(self, step: Step, reply: Reply) -> None:
        """421 postpones the message it answers, except where no more was said than who sends it.

        Then it tells of the relay, which has served enough or is too busy: another connection takes the message.
        """
        postponed = Outcome(HandOver.POSTPONED, self._relay, reply)
        farewell = step in (Step.RSET, Step.MAIL) and (self._served or self.answered > 0)
        if step is Step.MESSAGE and self._ending is not None:
            self._queue.settle(self._ending, postponed)
            self._ending = None
        elif step not in (Step.RSET, Step.MAIL) and self._beginning is not None and not self._settled:
            self._queue.settle(self._beginning, postponed)
            self._settled = True
        self._end(f"the relay hung up: {reply}", blame=not farewell)

    def _unasked(self, reply: Reply) -> None:
        """A reply that nothing awaits: a farewell to an idle connection, or a verdict before the message's end."""
        item = self._beginning
        if item is not None and self.is_streaming:
            hand_over = judge(reply)
            if hand_over is HandOver.ACCEPTED:
                self._beginning, self._ending = None, item
            else:
                self._queue.settle(item, Outcome(hand_over, self._relay, reply))
                self._settled = True
        self._end(f"the relay said unasked: {reply}")

    def set_alarm(self) -> None:
        awaited = self._awaited[0] if self._awaited else None
        self.expect_within(self._timeouts.data if self.is_streaming else self._timeouts.until(awaited))

    def overdue(self) -> None:
        if self._finished is None:
            self.quit()
        else:
            self._end("time-out")

    def lost(self) -> None:
        self._end("connection lost")

    def _end(self, reason: str, *, blame: bool = True) -> None:
        """Close the connection and say of both messages what is known."""
        if not self.is_open:
            return
        self.hang_up()
        stale = self._served and not self._heard  # it had ended before, unnoticed
        sound = blame and not stale
        if sound and not self.answered:
            self.fault = reason
        if self._ending is not None:
            doubt = Outcome(HandOver.IN_DOUBT, self._relay, None, f"{reason}, after the end of the message")
            self._queue.settle(self._ending, doubt)
        if self._beginning is not None and not self._settled:
            before = f"{reason}, before the end of the message"
            self._queue.put_back(self._beginning, self._relay, before, counts=sound)
        self._beginning = self._ending = None
        if self._finished and not self._finished.done():
            self._finished.set_result(None)
