"""`game.toml`: image, command, ports, readiness, stop and exit codes of one kind of server."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from hytopus.errors import HytopusError
from hytopus.games.restart import RestartPolicy
from hytopus.layers.rules import Variable, VariableName


class BadGame(HytopusError):
    code: ClassVar[str] = "bad_game"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The game definition {source} is not valid: {where}: {why}"
    remedy: ClassVar[str] = "Mend its game.toml; docs/reference/game.md lists every key."


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


def _names_somebody(pattern: str) -> str:
    if "name" not in re.compile(pattern).groupindex:
        raise ValueError("it has no group (?P<name>…), by which the player is known")
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
PlayerPattern = Annotated[Pattern, AfterValidator(_names_somebody)]
"""A regular expression, searched for in one log line (colours already removed)."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Protocol(StrEnum):
    UDP = "udp"
    TCP = "tcp"


class DebianImage(_Model):
    """How to build the image from Debian packages alone, where no registry can be reached."""

    suite: str = "bookworm"
    """Used with every variant but `extract`, which takes the release of the machine that builds."""
    variant: Literal["extract", "custom", "essential", "apt", "required", "minbase"] = "apt"
    """`extract` unpacks the packages and what they depend on, and runs none of their scripts: small and quick."""
    packages: tuple[str, ...]
    """What the server needs; dependencies come along."""
    exclude: tuple[str, ...] = ()
    """With `extract`: dependencies the server can do without."""


class Image(_Model):
    reference: str
    """What Docker knows the image by, e.g. `hytopus/luanti:5.6.1`."""
    debian: DebianImage | None = None
    files: dict[str, str] = Field(default_factory=dict)
    """Files of the game's folder to copy into a Debian-built image: source -> absolute target, mode kept."""


class Port(_Model):
    """A port the game listens on. Inside and outside it has the same number unless `container` says otherwise."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")] = "game"
    """Gives `PORT_<NAME>`; the first port is `PORT` too."""
    protocol: Protocol = Protocol.UDP
    """The number is the instance's alone, whatever the protocol."""
    container: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The port inside, where it must have a number of its own."""


class Probe(_Model):
    """Ask the game itself whether it is ready, from the node, every `interval` seconds."""

    kind: Literal["udp", "tcp", "http"]
    """UDP: a packet is answered; TCP: a connection is taken; HTTP: a request is answered well."""
    port: str = "game"
    """The name of the port to ask."""
    send_hex: str = ""
    """UDP: the packet to send, in hexadecimal digits."""
    expect_hex: str = ""
    """UDP: what an answer must begin with; empty accepts any answer."""
    path: str = "/"
    """HTTP: what to ask for; any 2xx or 3xx is a yes."""
    interval: Seconds = 0.5
    """Seconds between two attempts."""


class Readiness(_Model):
    """When players can join. With both, the log line and then the probe must hold; with neither, a living process."""

    log: Pattern | None = None
    """A line of the output that says so."""
    probe: Probe | None = None
    timeout: Seconds = 120
    """Seconds; a server that is not ready by then is killed and has failed."""


class Liveness(_Model):
    """Whether a server that runs still answers; one that does not is killed and counts as crashed.

    Every rule that is given must hold. One that has never held since the start is not judged: it is the rule that is
    wrong, not the server.
    """

    probe: Probe | None = None
    """Ask it over the network; its own `interval` does not count here."""
    line: str | None = None
    """What to type at the console, where that does no harm: a command that lists the players, for example."""
    answer: Pattern | None = None
    """A line of the output that answers it."""
    log: Pattern | None = None
    """A line that appears by itself at least once in every interval."""
    interval: Seconds = 30
    """Seconds between two looks."""
    timeout: Seconds = 10
    """Seconds it gets to answer."""
    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """So many looks in a row without an answer are a hang."""
    delay: Annotated[float, Field(ge=0, le=86_400)] = 60
    """Seconds after it became ready in which nobody looks."""
    dump: Literal["SIGQUIT", "SIGUSR1"] | None = None
    """Sent before the kill, for a last word: Java prints what all its threads do on SIGQUIT."""

    @model_validator(mode="after")
    def _a_line_has_an_answer(self) -> Liveness:
        if (self.line is None) != (self.answer is None):
            raise ValueError("line and answer belong together")
        return self


class Stop(_Model):
    """Console line, grace, then signal, grace, then kill."""

    line: str | None = None
    """What to type at the console; without it, the signal comes first."""
    grace: Seconds = 60
    """Seconds the server gets to save."""
    signal: Literal["SIGTERM", "SIGINT", "SIGQUIT"] = "SIGTERM"
    """What follows when the line was not enough, or there is none."""
    signal_grace: Seconds = 10
    """Seconds between the signal after a console line and the kill."""


class ExitCodes(_Model):
    """What an exit code means. Every code not listed is a crash."""

    clean: frozenset[int] = frozenset({0, 130, 143})
    """An ordinary end."""
    restart: frozenset[int] = frozenset()
    """The server asks to be started again (Hytale's 8: an update is staged)."""
    configuration: frozenset[int] = frozenset()
    """Starting again would fail the same way until somebody changes something."""


class ExitKind(StrEnum):
    CLEAN = "clean"
    RESTART = "restart"
    CONFIGURATION = "configuration"
    CRASH = "crash"


class Players(_Model):
    """Log patterns with a group `name`. A line in which that group takes no part, or is empty, is about nobody."""

    join: PlayerPattern | None = None
    """A player has come."""
    leave: PlayerPattern | None = None
    """A player has gone."""


def _is_below(pattern: str) -> str:
    parts = pattern.split("/")
    if not pattern or any(part in ("", ".", "..") for part in parts):
        raise ValueError("a path below the server's directory, without . and ..")
    return pattern


class CrashTraces(_Model):
    """What tells of a crash, beside exit code and log."""

    files: tuple[Annotated[str, AfterValidator(_is_below)], ...] = ()
    """Files the server leaves when it crashes, e.g. `hs_err_pid*.log` or `logs/*.txt`; `*` stays within a directory.
    The newest five, up to 1 MB each, go into the crash's bundle."""
    patterns: tuple[Pattern, ...] = ()
    """Lines that name the cause better than the last words do; crashes are grouped by the last one that matches."""


class Resources(_Model):
    """Defaults of an instance; each can be overridden on creation."""

    memory_mb: Annotated[int, Field(ge=16)] = 2048
    """A limit; swap is never used."""
    cpus: Annotated[float, Field(gt=0)] = 1.0
    """A limit."""
    disk_mb: Annotated[int, Field(ge=1)] = 2048
    """Reserved on the node. Nothing holds a server back that takes more; it is noticed and said."""
    pids: Annotated[int, Field(ge=16)] = 512
    """Processes and threads at most."""


class Game(_Model):
    """How to run one kind of server."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """What templates and instances call it; the folder has the same name."""
    title: str
    """For people."""
    image: Image
    command: tuple[str, ...]
    """Placeholders are replaced as in files, with the same variables."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Placeholders are replaced here too; what is empty then is not passed to the server."""
    workdir: str = "/data"
    """Where the instance's directory is mounted, and the working directory of the command."""
    user: Annotated[str, Field(pattern=r"^[0-9]+(:[0-9]+)?$")] = "1000:1000"
    """uid and gid inside the container; never 0 without a reason."""
    init: bool = False
    """Run a tiny init as process 1: for programs that leave zombies, or do not handle signals as process 1."""
    read_only_root: bool = True
    """Nothing outside `workdir` and `tmpfs` can be written."""
    tmpfs: tuple[str, ...] = ("/tmp",)  # noqa: S108 - a path inside the container
    """Paths in memory, `/path` or `/path:exec,size=512m`; 256 MB, and no programs in them, unless it says so."""
    sysctls: dict[str, str] = Field(default_factory=dict)
    """Kernel settings of the container's own network."""
    ports: tuple[Port, ...] = (Port(),)
    ready: Readiness = Readiness()
    live: Liveness = Liveness()
    stop: Stop = Stop()
    exit: ExitCodes = ExitCodes()
    restart: RestartPolicy = RestartPolicy()
    crash: CrashTraces = CrashTraces()
    players: Players = Players()
    resources: Resources = Resources()
    persistent: bool = True
    """Its servers have a world of their own, which must neither get lost nor run twice. A lobby or a match that starts
    from its templates every time is `false`."""
    variables: dict[VariableName, Variable] = Field(default_factory=dict)
    """Variables the command and environment use, with defaults; templates may rely on them too."""

    @cached_property
    def document(self) -> dict[str, Any]:
        """As JSON. Every instance of the game is kept with it: it is shared, and not to be changed."""
        return self.model_dump(mode="json")

    @model_validator(mode="after")
    def _ports_have_names_of_their_own(self) -> Game:
        names = [port.name for port in self.ports]
        if len(set(names)) != len(names):
            raise ValueError("two ports have the same name")
        if self.ready.probe and self.ready.probe.port not in names:
            raise ValueError(f"the readiness probe names an unknown port {self.ready.probe.port!r}")
        if self.live.probe and self.live.probe.port not in names:
            raise ValueError(f"the liveness probe names an unknown port {self.live.probe.port!r}")
        return self

    @classmethod
    def parse(cls, text: str | bytes, *, source: str = "game.toml") -> Game:
        """Read a `game.toml`; raises `BadGame` that names the key."""
        try:
            data = tomllib.loads(text.decode() if isinstance(text, bytes) else text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadGame(source=source, where="the file", why=str(error)) from error
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise BadGame(source=source, where=where, why=first["msg"]) from error

    def classify(self, exit_code: int, *, oom: bool = False) -> ExitKind:
        """What an exit code means; running out of memory is always a crash."""
        if oom:
            return ExitKind.CRASH
        if exit_code in self.exit.restart:
            return ExitKind.RESTART
        if exit_code in self.exit.configuration:
            return ExitKind.CONFIGURATION
        return ExitKind.CLEAN if exit_code in self.exit.clean else ExitKind.CRASH
