"""Keeping a session with the Brain, for ever: connect, serve, and come back when it breaks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, NoReturn

from hytopus.errors import HytopusError
from hytopus.kit.backoff import backoff
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.node.identity import Identity
from hytopus.node.link.contract import Agent, Dialer
from hytopus.node.link.dialer import GrpcDialer
from hytopus.node.link.errors import CertificateRenewed, LinkRefused, SessionPutOff
from hytopus.node.link.outbox import Outbox
from hytopus.node.link.session import run_session
from hytopus.node.link.trouble import diagnose
from hytopus.wire.channel import LinkClosed
from hytopus.wire.codec import BadMessage
from hytopus.wire.messages import Problem, Welcome
from hytopus.wire.problems import problem_of

log = get_logger(__name__)


SPREAD_S: Final = 1.0
"""Nodes that lose their Brain turn to another one within that time, not all at the same moment."""


def _soon() -> float:
    return random.uniform(0, SPREAD_S)  # noqa: S311 - spreading load, not a secret


def _as_it_is(error: LinkClosed) -> HytopusError:
    return error


class Link:
    """The node's link to its Brain. The game servers do not notice whether it stands."""

    def __init__(
        self,
        agent: Agent,
        outbox: Outbox,
        dialer: Dialer,
        *,
        agent_id: str,
        clock: Clock,
        explain: Callable[[LinkClosed], HytopusError] = _as_it_is,
    ) -> None:
        self._agent, self._outbox, self._dialer, self._clock = agent, outbox, dialer, clock
        self._agent_id = agent_id
        self._explain = explain
        self.connected = False
        self.last_problem: Problem | None = None
        """Why there is no session, or why the last one ended; None while one stands."""

    async def run(self) -> NoReturn:
        """For ever. Raises LinkRefused when the Brain refuses this node for good."""
        await self._agent.adopted.wait()
        delays = backoff()
        try:
            while True:
                if await self._session():
                    delays = backoff()
                await self._clock.sleep(_soon() if self._dialer.untried() else next(delays))
        finally:
            await self._dialer.close()

    async def _session(self) -> bool:
        """One session. True if it stood at all."""
        stood = False

        def welcomed(welcome: Welcome) -> None:
            nonlocal stood
            stood = self.connected = True
            self._dialer.stands()
            self.last_problem = None
            log.info("connected to the Brain", node=welcome.node_name, brain=welcome.brain_id)

        try:
            channel = await self._dialer.session()
            await run_session(
                channel,
                self._agent,
                self._outbox,
                agent_id=self._agent_id,
                dialer=self._dialer,
                clock=self._clock,
                on_welcome=welcomed,
            )
        except LinkClosed as error:
            self._note(self._explain(error))
        except (SessionPutOff, BadMessage) as error:
            self._note(error)
        except LinkRefused as error:
            self._note(error)
            raise
        else:
            self._note(LinkClosed(cause="the Brain ended the session"))
        finally:
            self.connected = False
        return stood

    def _note(self, error: HytopusError) -> None:
        """A person reads the log: the same trouble is told once, not at every attempt."""
        problem = problem_of(error)
        if self.last_problem is None or self.last_problem.code != problem.code:
            level = log.info if isinstance(error, CertificateRenewed) else log.warning
            level("no session with the Brain", code=problem.code, cause=str(error))
        self.last_problem = problem


def dial_brain(
    agent: Agent, outbox: Outbox, identity: Identity, dialer: GrpcDialer, *, agent_id: str, clock: Clock
) -> Link:
    """A link over the network, which says in words what is wrong with it."""

    def explain(error: LinkClosed) -> HytopusError:
        if dialer.redialling:
            return CertificateRenewed()
        return diagnose(error, dialer.address, clock.now(), identity.valid())

    return Link(agent, outbox, dialer, agent_id=agent_id, clock=clock, explain=explain)
