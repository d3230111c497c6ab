"""`hytopus instance move`."""

from __future__ import annotations

from hytopus.cli.connection.client import at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.instance.wait import RUNNING, STOPPED, Waiting, finish


async def move(
    name: str,
    /,
    *,
    to: str | None = None,
    restart: bool = False,
    cancel: bool = False,
    waiting: Waiting | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Have an instance live on another node, with its world, which stays on the old one until the new one has it.

    Parameters
    ----------
    to
        The node; without it, the one with the most room.
    restart
        It may be stopped for that, and is started there again.
    cancel
        Call its move off: it stays, or goes back.
    """
    async with connect(options) as api:
        before = await api.get(at("instances", name))
        where = at("instances", before["id"], "move")
        if cancel:
            instance = await api.delete(where)
        else:
            instance = await api.post(where, {"node": to, "restart": restart})
        goal = RUNNING if instance["wanted"] == RUNNING else STOPPED
        await finish(api, instance, before, goal, waiting, options)
