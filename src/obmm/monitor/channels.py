"""Ways by which a message reaches a person; each raises what went wrong, and names no secret."""

from __future__ import annotations

import logging
import smtplib
import ssl
import subprocess
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import attrs
import structlog

from obmm.agent.telling import tell

#: Real seconds that a message may take.
WITHIN_S = 10.0
#: Longest text that Telegram takes.
_TELEGRAM_MOST = 4000

_log = structlog.get_logger("obmm.alerts")


class Undelivered(RuntimeError):
    """A message did not get through; says why."""


@runtime_checkable
class Channel(Protocol):
    """Sends messages."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def send(self, subject: str, text: str, *, urgent: bool) -> None:
        """Deliver a message.

        Raises:
            Undelivered: It did not get through.
        """
        ...


@attrs.frozen(kw_only=True)
class Log:
    """The log of the process."""

    name: str = "log"

    def send(self, subject: str, text: str, *, urgent: bool) -> None:
        """Log it, urgent ones as errors."""
        tell(_log, logging.ERROR if urgent else logging.WARNING, subject, text=text)


@attrs.frozen(kw_only=True)
class Webhook:
    """An HTTP POST of JSON: `subject`, `text`, `urgent`, and `content`, which Slack and Discord show.

    Attributes:
        url: Where to.
        headers: More headers, such as one that authorises.
    """

    url: str = attrs.field(repr=False)
    headers: dict[str, str] = attrs.field(factory=dict, repr=False)
    name: str = "webhook"

    def send(self, subject: str, text: str, *, urgent: bool) -> None:
        """Post it."""
        whole = f"{subject}\n{text}"
        body = {"subject": subject, "text": whole, "content": whole[:2000], "urgent": urgent}
        _post(self.url, body, self.headers)


@attrs.frozen(kw_only=True)
class Telegram:
    """A Telegram bot.

    Attributes:
        chat: Id of the chat.
        token: Of the bot, or
        token_file: the file that holds it.
        api: Where the bot's interface is.
    """

    chat: str
    token: str = attrs.field(default="", repr=False)
    token_file: str = ""
    api: str = "https://api.telegram.org"
    name: str = "telegram"

    def __attrs_post_init__(self) -> None:
        if bool(self.token) == bool(self.token_file):
            raise ValueError("needs one of 'token' and 'token_file'")

    def send(self, subject: str, text: str, *, urgent: bool) -> None:
        """Send it, without a sound unless it is urgent."""
        body = {
            "chat_id": self.chat,
            "text": f"{subject}\n{text}"[:_TELEGRAM_MOST],
            "disable_notification": not urgent,
        }
        _post(f"{self.api}/bot{self.token or _secret(self.token_file)}/sendMessage", body, {})


@attrs.frozen(kw_only=True)
class Email:
    """A mail, by way of a server.

    Attributes:
        host: The server.
        sender: From whom.
        to: To whom.
        port: Of the server.
        tls: "starttls", "tls" from the first byte on, or "none".
        user: Whom to log in as, if anybody.
        password_file: File with the password.
    """

    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: str = ""
    name: str = "email"

    def __attrs_post_init__(self) -> None:
        if not self.to:
            raise ValueError("to names nobody")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("needs both or none of 'user' and 'password_file'")

    def send(self, subject: str, text: str, *, urgent: bool) -> None:
        """Mail it."""
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = subject, self.sender, ", ".join(self.to)
        if urgent:
            message["X-Priority"] = "1"
        message.set_content(text)
        try:
            context = ssl.create_default_context()
            if self.tls == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    self.host, self.port, timeout=WITHIN_S, context=context
                )
            else:
                server = smtplib.SMTP(self.host, self.port, timeout=WITHIN_S)
            with server:
                if self.tls == "starttls":
                    server.starttls(context=context)
                if self.user:
                    server.login(self.user, _secret(self.password_file))
                server.send_message(message)
        except smtplib.SMTPAuthenticationError as error:
            raise Undelivered(f"{self.host} refuses user and password: {error.smtp_code}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"{self.host}:{self.port}: {error or type(error).__name__}") from None


@attrs.frozen(kw_only=True)
class Command:
    """A program: the message on its standard input, subject and urgency in its environment.

    Attributes:
        command: The program and its words; no shell reads them.
    """

    command: tuple[str, ...]
    name: str = "command"

    def __attrs_post_init__(self) -> None:
        if not self.command:
            raise ValueError("names no program")

    def send(self, subject: str, text: str, *, urgent: bool) -> None:
        """Run it."""
        import os

        about = {"OBMM_SUBJECT": subject, "OBMM_URGENT": str(int(urgent))}
        try:
            done = subprocess.run(
                list(self.command),
                input=f"{subject}\n{text}\n".encode(),
                env=os.environ | about,
                timeout=WITHIN_S,
                capture_output=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Undelivered(f"{self.command[0]} takes longer than {WITHIN_S:g} s") from None
        except OSError as error:
            raise Undelivered(f"{self.command[0]}: {error.strerror or error}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-200:]
            raise Undelivered(f"{self.command[0]} ends with status {done.returncode}: {said}")


#: Channels by kind.
CHANNELS: dict[str, type] = {
    "log": Log,
    "webhook": Webhook,
    "telegram": Telegram,
    "email": Email,
    "command": Command,
}


def _post(url: str, body: dict[str, object], headers: dict[str, str]) -> None:
    """POST JSON; an address may be a secret and is not in what is raised."""
    import httpx

    try:
        reply = httpx.post(url, json=body, headers=headers, timeout=WITHIN_S)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Undelivered(f"no answer: {type(error).__name__}") from None
    if reply.status_code >= 300:
        raise Undelivered(f"HTTP {reply.status_code}: {reply.text[:200]}")


def _secret(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Undelivered(f"{path}: {getattr(error, 'strerror', None) or 'cannot be read'}") from None
