"""The module `mail`: send mail from a page (manual: mail module)."""
from __future__ import annotations

import mimetypes
import re
import smtplib
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.exceptions import SpyceError

Addresses = str | Iterable[str]

SECURITY = (None, 'starttls', 'tls')

ENCODED = SMTP.clone(cte_type='7bit')
"""Bodies in ASCII, encoded: not every mail server takes other bytes."""

MAX_DOMAIN = 253

_ADDRESS = re.compile(r'(?P<name>[^<>]*)<(?P<named>[^<>]*)>|(?P<bare>[^<>]*)')
_LOCAL_PART = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_DOMAIN = re.compile(r'[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*', re.IGNORECASE)
_CONTROLS = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')  # and what no text can be encoded with
_SINGLE_KINDS = ('application', 'audio', 'font', 'image', 'model', 'text', 'video')


class MailError(SpyceError):
    """The mail was not sent, or not to everybody. The cause is the error of smtplib or of the network."""


@dataclass(frozen=True)
class Settings:
    """How mail leaves.

    host, port: of the mail server; port None: 25, with starttls 587, with tls 465. security: None for a plain
    connection, 'starttls' or 'tls'. user, password: if the server asks who it is. sender: who mail is from, unless
    send() says it. timeout: in seconds, for the connection and for each answer of the server.
    """

    host: str = 'localhost'
    port: int | None = None
    security: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str | None = None
    timeout: float = 10

    def checked(self) -> Settings:
        """These settings. Raises ValueError for contradictions and values that cannot be."""
        if self.security not in SECURITY:
            raise ValueError(f"mail: security must be None, 'starttls' or 'tls', not {self.security!r}")
        if not (isinstance(self.timeout, (int, float)) and self.timeout > 0):
            raise ValueError(f'mail: timeout must be a number of seconds over 0, not {self.timeout!r}')
        if (self.user is None) != (self.password is None):
            raise ValueError('mail: user and password go together; one of them is missing')
        if self.user is not None and self.security is None and self.host not in ('localhost', '127.0.0.1', '::1'):
            raise ValueError(f"mail: the password would go to {self.host} for all to read: set security to 'starttls' "
                             "or 'tls'")
        return self


class mail(spyceModule):
    """`[[.import name=mail]]`: mail.send(to, subject, text).

    The server is named in the config, `globals = {'mail': {'host': 'smtp.example.org', ...}}`, or at the import,
    `args="'smtp.example.org', 587, security='starttls'"`; the names are those of Settings.
    """

    def start(self) -> None:
        self._settings = _of_config(self._api.getServerGlobals().get('mail', {}))

    def init(self, host: str | None = None, port: int | None = None, **settings: Any) -> None:
        """Settings for this page. Raises TypeError for an unknown one; their values are checked by send()."""
        given = {**settings, **{name: value for name, value in (('host', host), ('port', port)) if value is not None}}
        self._settings = replace(self._settings, **given)

    def send(self, to: Addresses, subject: str, text: str, html: str | None = None, cc: Addresses = (),
             bcc: Addresses = (), sender: str | None = None, reply_to: Addresses = (),
             attachments: Iterable[tuple[str, str | bytes]] = ()) -> None:
        """Send one mail; when this returns, the server has taken it for all who get it.

        to, cc, bcc, reply_to: an address, or several: 'ann@example.org' or 'Ann Lee <ann@example.org>'. One text is one
        address: a comma in it is an error, so that a visitor cannot add others. html: the same as `text`, in HTML.
        attachments: pairs (file name, contents); the name tells the type. Raises ValueError for what cannot be an
        address, a subject or a file name, and for wrong settings, before anything is sent; MailError if the server
        is not there in time or refuses the mail or one of its readers.
        """
        settings = self._settings.checked()
        author = settings.sender if sender is None else sender
        if author is None:
            raise ValueError('mail.send(): who is it from? Give sender=..., here, at the import or in the config')
        message = EmailMessage(ENCODED)
        message['From'] = sent_by = _address(author)
        readers: list[Address] = []
        for header, given in (('To', to), ('Cc', cc), ('Bcc', bcc)):
            some = _addresses(given)
            readers += some
            if some and header != 'Bcc':
                message[header] = some
        if not readers:
            raise ValueError('mail.send(): to, cc and bcc are all empty')
        answers_to = _addresses(reply_to)
        if answers_to:
            message['Reply-To'] = answers_to
        message['Subject'] = _one_line('subject', subject)
        message['Date'] = datetime.now(timezone.utc)
        message['Message-ID'] = make_msgid(domain=sent_by.domain)
        _fill(message, text, html, attachments)
        _deliver(settings, message, sent_by.addr_spec, [reader.addr_spec for reader in readers])


def _of_config(given: Any) -> Settings:
    known = [setting.name for setting in fields(Settings)]
    if not isinstance(given, Mapping):
        raise ValueError(f"globals['mail'] of the config must be a dictionary of {', '.join(known)}, not "
                         f'{type(given).__name__}')
    unknown = [str(name) for name in given if name not in known]
    if unknown:
        raise ValueError(f"globals['mail'] of the config: {', '.join(unknown)} is not one of {', '.join(known)}")
    return Settings(**given)


# -- the message ----------------------------------------------------------------------------------------------------

def _one_line(what: str, value: str) -> str:
    """A text for a header. Raises ValueError for line breaks, which would begin another header."""
    if _CONTROLS.search(_unicode(what, value)):
        raise ValueError(f'mail: {what} {value!a} holds a line break or another character that cannot be sent')
    return str(value)


def _addresses(given: Addresses) -> list[Address]:
    return [_address(one) for one in ([given] if given is None or isinstance(given, str) else given)]


def _address(written: str) -> Address:
    """'ann@example.org' or 'Ann Lee <ann@example.org>'. Raises ValueError for anything else."""
    match = _ADDRESS.fullmatch(_one_line('the address', written).strip())
    local, at, domain = (match['bare'] or match['named'] or '').strip().rpartition('@') if match else ('', '', '')
    ascii_domain = _ascii_domain(domain)
    if not (match and at and ascii_domain and _LOCAL_PART.fullmatch(local)):
        raise ValueError(f"mail: {written!a} is not one address, like 'ann@example.org' or 'Ann Lee <ann@example.org>'")
    return Address((match['name'] or '').strip().strip('"'), local, ascii_domain)


def _ascii_domain(domain: str) -> str | None:
    """A domain as mail servers know it, None for what cannot be one."""
    if len(domain) > MAX_DOMAIN:
        return None
    try:
        encoded = domain.encode('idna').decode('ascii')
    except UnicodeError:  # empty or overlong parts too
        return None
    return encoded if _DOMAIN.fullmatch(encoded) else None


def _fill(message: EmailMessage, text: str, html: str | None, attachments: Iterable[tuple[str, str | bytes]]) -> None:
    message.set_content(_unicode('text', text))
    if html is not None:
        message.add_alternative(_unicode('html', html), subtype='html')
    for name, contents in attachments:
        _one_line('the name of the attachment', name)
        data = contents.encode() if isinstance(contents, str) else contents
        kind, _, subtype = _type_of(name).partition('/')
        message.add_attachment(data, kind, subtype, filename=name)


def _unicode(what: str, value: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f'mail: {what} must be text, not {type(value).__name__}')
    return str(value)  # the email package looks types up, and does not know subclasses


def _type_of(name: str) -> str:
    known, packed = mimetypes.guess_type(name)
    if known is None or packed or known.partition('/')[0] not in _SINGLE_KINDS:
        return 'application/octet-stream'
    return known


# -- its way --------------------------------------------------------------------------------------------------------

def _deliver(settings: Settings, message: EmailMessage, sender: str, readers: list[str]) -> None:
    try:
        with _connection(settings) as server:
            if settings.security == 'starttls':
                server.starttls(context=ssl.create_default_context())
            if settings.user is not None and settings.password is not None:
                server.login(settings.user, settings.password)
            refused = server.send_message(message, sender, readers)
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f'mail: {settings.host} did not take the mail: {error}') from error
    if refused:
        raise MailError(f'mail: {settings.host} took the mail, but not for {", ".join(sorted(refused))}')


def _connection(settings: Settings) -> smtplib.SMTP:
    name = _own_name()
    if settings.security == 'tls':
        return smtplib.SMTP_SSL(settings.host, settings.port or 465, name, timeout=settings.timeout,
                                context=ssl.create_default_context())
    port = settings.port or (587 if settings.security == 'starttls' else 25)
    return smtplib.SMTP(settings.host, port, name, timeout=settings.timeout)


def _own_name() -> str:
    """What this machine calls itself to the mail server. smtplib would ask the name service, which has no time-out."""
    name = socket.gethostname()
    return name if '.' in name and _DOMAIN.fullmatch(name) else '[127.0.0.1]'
