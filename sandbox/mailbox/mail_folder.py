"""Messages as `.eml` files in one folder; file names sort by time of arrival."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

_NAME = re.compile(r"[0-9]{20}-[0-9a-f]{8}")
_LINK = re.compile(r"https?://[^\s<>\"')\]]+")


@dataclass(frozen=True)
class Message:
    """A message as shown; `links` are the distinct links of the text part, in order."""

    id: str
    sender: str
    to: str
    subject: str
    date: str
    text: str
    links: list[str]
    html: str = field(repr=False, default="")


@dataclass(frozen=True)
class MailFolder:
    """A folder of messages."""

    folder: Path

    def add(self, content: bytes, sender: str, recipients: list[str]) -> str:
        """Store a message unchanged below two header lines with its envelope; return its id."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n"
        partial = self.folder / f"{name}.half"
        partial.write_bytes(envelope.encode("utf-8", "replace") + content)
        partial.rename(self.folder / f"{name}.eml")
        return name

    def names(self) -> list[str]:
        """List the ids, newest first."""
        return sorted((path.stem for path in self.folder.glob("*.eml") if _NAME.fullmatch(path.stem)), reverse=True)

    def read(self, name: str) -> Message | None:
        """Read a message; None if there is no such id."""
        if not _NAME.fullmatch(name):
            return None
        try:
            content = (self.folder / f"{name}.eml").read_bytes()
        except FileNotFoundError:
            return None
        return _parse(name, content)

    def all(self, limit: int | None = None) -> list[Message]:
        """List messages, newest first."""
        messages = (self.read(name) for name in self.names()[:limit])
        return [message for message in messages if message is not None]

    def clear(self) -> None:
        """Delete every message."""
        for name in self.names():
            (self.folder / f"{name}.eml").unlink(missing_ok=True)


def _parse(name: str, content: bytes) -> Message:
    mail = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    text = _get_part(mail, "plain")
    return Message(
        id=name,
        sender=str(mail.get("From") or mail.get("X-Envelope-From") or ""),
        to=str(mail.get("To") or mail.get("X-Envelope-To") or ""),
        subject=str(mail.get("Subject") or ""),
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(name[:20]) // 1_000_000_000)),
        text=text,
        links=list(dict.fromkeys(link.rstrip(".,;") for link in _LINK.findall(text))),
        html=_get_part(mail, "html"),
    )


def _get_part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # an unknown charset must not hide the message
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
