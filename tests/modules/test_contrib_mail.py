"""The module mail: pages that send mail, to a mail server of the test."""
from __future__ import annotations

import base64
import email.policy
import shutil
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spyce.modules.contrib.mail import MailError, _address, mail

from spyce.testing import Client

MakeSite = Callable[..., Client]


@dataclass
class Envelope:
    """One mail as the server got it. login: the user name and password that were shown before; secret: over TLS."""

    sender: str
    readers: list[str]
    data: bytes = b''
    login: str = ''
    secret: bool = False

    @property
    def message(self) -> EmailMessage:
        lines = self.data.replace(b'\r\n', b'\n')
        return email.message_from_bytes(lines, policy=email.policy.default)  # type: ignore[return-value]


@dataclass
class Behaviour:
    """What the server does. context: its certificate; tls: from the first byte on; silent: it never answers."""

    refuses: set[str] = field(default_factory=set)
    context: ssl.SSLContext | None = None
    tls: bool = False
    silent: bool = False


class SmtpSession(socketserver.StreamRequestHandler):
    server: SmtpServer
    timeout = 10

    def handle(self) -> None:
        self.login, self.secret = '', False
        if self.server.behaviour.silent:
            self.server.released.wait(self.timeout)
            return
        if self.server.behaviour.tls:
            self.encrypt()
        self.say('220 test')
        envelope = Envelope('', [])
        while line := self.rfile.readline():
            command, _, rest = line.decode('ascii').rstrip('\r\n').partition(' ')
            command = command.upper()
            if command == 'EHLO':
                offers = ['AUTH PLAIN'] if self.secret or not self.server.behaviour.context else ['STARTTLS']
                self.say('250-test', *(f'250 {offer}' for offer in offers))
            elif command == 'STARTTLS':
                self.say('220 go')
                self.encrypt()
            elif command == 'AUTH':
                self.login = base64.b64decode(rest.partition(' ')[2]).decode()
                self.say('235 ok' if self.login.endswith('right') else '535 no')
            elif command == 'MAIL':
                envelope = Envelope(rest.partition('<')[2].partition('>')[0], [], b'', self.login, self.secret)
                self.say('250 ok')
            elif command == 'RCPT':
                reader = rest.partition('<')[2].partition('>')[0]
                refused = reader in self.server.behaviour.refuses
                envelope.readers += [] if refused else [reader]
                self.say('550 nobody here' if refused else '250 ok')
            elif command == 'DATA':
                self.say('354 go on')
                for text in iter(self.rfile.readline, b'.\r\n'):
                    envelope.data += text.removeprefix(b'.')
                self.server.mails.append(envelope)
                self.say('250 ok')
            elif command == 'RSET':
                self.say('250 ok')
            else:
                self.say('221 bye' if command == 'QUIT' else '500 unknown')
                if command == 'QUIT':
                    return

    def say(self, *lines: str) -> None:
        self.wfile.write(''.join(f'{line}\r\n' for line in lines).encode())

    def encrypt(self) -> None:
        assert self.server.behaviour.context is not None
        self.connection = self.server.behaviour.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile('rb'), self.connection.makefile('wb', 0)  # type: ignore
        self.secret = True

    def finish(self) -> None:
        self.rfile.close()
        self.wfile.close()
        self.connection.close()


class SmtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = False
    request_queue_size = 5

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), SmtpSession)
        self.port: int = self.server_address[1]
        self.mails: list[Envelope] = []
        self.behaviour = Behaviour()
        self.released = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, as it does when it refuses the certificate, is no news."""


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def send(site: MakeSite, smtp: SmtpServer) -> Callable[..., str]:
    """send("python arguments of mail.send()", field=value) -> 'sent', or the error, as the page says it."""
    def send(arguments: str, settings: dict[str, Any] | None = None, init: str = '', **fields: str) -> str:
        known = {'host': '127.0.0.1', 'port': smtp.port, 'sender': 'site@example.org', **(settings or {})}
        client = site({'page.spy': f'''\
            [[.import name=mail {init}]]
            [[\\
            f = request.post1
            try:
                mail.send({arguments})
                print('sent', end='')
            except Exception as error:
                print(type(error).__name__, error, end='')
            ]]'''}, globals={'mail': known})
        return client.post('/page.spy', fields).text.strip()
    return send


Send = Callable[..., str]


class TestMessage:
    def test_a_text(self, send: Send, smtp: SmtpServer) -> None:
        assert send("'ann@example.org', 'Hello', 'Dear Ann,\\n.\\nbye'") == 'sent'
        (sent,) = smtp.mails
        assert (sent.sender, sent.readers) == ('site@example.org', ['ann@example.org'])
        assert (sent.message['From'], sent.message['To'], sent.message['Subject']) \
            == ('site@example.org', 'ann@example.org', 'Hello')
        assert sent.message.get_content() == 'Dear Ann,\n.\nbye\n'
        assert sent.message['Date'] is not None
        assert sent.message['Message-ID'].endswith('@example.org>')

    def test_text_of_all_languages_arrives_in_ascii(self, send: Send, smtp: SmtpServer) -> None:
        assert send("'Ünal Çelik <u@example.org>', 'Grüße ✓', 'Zoë ' * 300 + '✓'") == 'sent'
        (sent,) = smtp.mails
        assert sent.data.isascii()
        assert max(map(len, sent.data.splitlines())) < 999
        assert (sent.message['To'], sent.message['Subject']) == ('Ünal Çelik <u@example.org>', 'Grüße ✓')
        assert sent.message.get_content().splitlines() == ['Zoë ' * 300 + '✓']

    def test_several_readers_and_those_that_nobody_sees(self, send: Send, smtp: SmtpServer) -> None:
        assert send("['a@x.org', 'Lee, B <b@x.org>'], 's', 't', cc='c@x.org', bcc=('d@x.org',), "
                    "sender='Me <me@x.org>', reply_to='r@x.org'") == 'sent'
        (sent,) = smtp.mails
        assert sent.readers == ['a@x.org', 'b@x.org', 'c@x.org', 'd@x.org']
        assert sent.sender == 'me@x.org'
        assert [sent.message[name] for name in ('From', 'To', 'Cc', 'Bcc', 'Reply-To')] \
            == ['Me <me@x.org>', 'a@x.org, "Lee, B" <b@x.org>', 'c@x.org', None, 'r@x.org']

    def test_html_beside_the_text(self, send: Send, smtp: SmtpServer) -> None:
        assert send("'a@x.org', 's', 'plain', html='<p>rich</p>'") == 'sent'
        message = smtp.mails[0].message
        assert message.get_content_type() == 'multipart/alternative'
        assert [(part.get_content_type(), part.get_content()) for part in message.iter_parts()] \
            == [('text/plain', 'plain\n'), ('text/html', '<p>rich</p>\n')]

    def test_attachments(self, send: Send, smtp: SmtpServer) -> None:
        assert send("'a@x.org', 's', 't', html='<p>', attachments=[('a b.pdf', bytes(range(256))), "
                    "('liste ü.csv', 'n\\n1'), ('x.unknown', b''), ('y.eml', b'Subject: y')]") == 'sent'
        parts = list(smtp.mails[0].message.iter_attachments())
        assert [(part.get_filename(), part.get_content_type()) for part in parts] \
            == [('a b.pdf', 'application/pdf'), ('liste ü.csv', 'text/csv'),
                ('x.unknown', 'application/octet-stream'), ('y.eml', 'application/octet-stream')]
        assert parts[0].get_content() == bytes(range(256))
        assert parts[1].get_payload(decode=True) == b'n\n1'

    def test_domains_of_other_scripts(self, send: Send, smtp: SmtpServer) -> None:
        assert send("'a@bücher.example', 's', 't'") == 'sent'
        assert smtp.mails[0].readers == ['a@xn--bcher-kva.example']


class TestHostileInput:
    @pytest.mark.parametrize('value', [
        'a@x.org\r\nBcc: all@x.org', 'a@x.org\nBcc: all@x.org', 'a@x.org\r', 'a@x.org, b@x.org', 'a@x.org; b@x.org',
        'a@x.org b@x.org', '<a@x.org> <b@x.org>', 'A <a@x.org>, b@x.org', 'team: a@x.org;', 'a@x.org>', '<a@x.org',
        'a', '@x.org', 'a@', '', ' ', 'a@x..org', 'a@-x.org', '.a@x.org', 'a..b@x.org', 'a@x.org\x00',
        'A\u2028 <a@x.org>',
        'a"b@x.org', 'a(b)@x.org', 'ä@x.org', 'a@[127.0.0.1]', 'a@b@x.org', f'a@{"x" * 300}', 'a@' + 'x.' * 5000])
    @pytest.mark.parametrize('where', ["f('v'), 's', 't'", "'a@x.org', 's', 't', cc=[f('v')]",
                                       "'a@x.org', 's', 't', bcc=f('v')", "'a@x.org', 's', 't', reply_to=f('v')",
                                       "'a@x.org', 's', 't', sender=f('v')"])
    def test_what_is_not_one_address_is_an_error_and_nothing_is_sent(self, send: Send, smtp: SmtpServer, value: str,
                                                                     where: str) -> None:
        answer = send(where, v=value)
        assert answer.startswith('ValueError mail: ')
        assert 'address' in answer
        assert smtp.mails == []

    @pytest.mark.parametrize('value', ['x\r\nBcc: all@x.org', 'x\ny', 'x\r', 'x\x00', 'x\x85y', 'x\u2028y'])
    def test_a_line_break_in_a_subject_is_an_error(self, send: Send, smtp: SmtpServer, value: str) -> None:
        assert 'ValueError mail: subject' in send("'a@x.org', f('v'), 't'", v=value)
        assert smtp.mails == []

    def test_a_line_break_in_a_file_name_is_an_error(self, send: Send, smtp: SmtpServer) -> None:
        assert 'ValueError mail: the name of the attachment' \
            in send("'a@x.org', 's', 't', attachments=[(f('v'), b'')]", v='x\r\nX-A: 1')
        assert smtp.mails == []

    @pytest.mark.parametrize('end', ['\r\n.\r\n', '\n.\n', '\r.\r', '\n.\r\n', '\r\n.\n', '\r\n.\r'])
    def test_no_text_ends_the_mail_and_begins_another(self, send: Send, smtp: SmtpServer, end: str) -> None:
        assert send("'a@x.org', 's', f('v')", v=f'x{end}MAIL FROM:<evil@x.org>\r\nRCPT TO:<all@x.org>') == 'sent'
        assert [sent.readers for sent in smtp.mails] == [['a@x.org']]
        assert smtp.mails[0].message.get_content().split() == ['x', '.', 'MAIL', 'FROM:<evil@x.org>', 'RCPT',
                                                               'TO:<all@x.org>']

    @given(st.text(max_size=60))
    def test_an_address_is_one_or_an_error(self, written: str) -> None:
        try:
            address = _address(written)
        except ValueError:
            return
        assert address.addr_spec.isascii()
        assert not set(address.addr_spec) & set(' ,;:<>()[]"\\\r\n')
        assert str(address).splitlines() == [str(address)]

    @given(name=st.text(st.characters(exclude_categories=('Cc', 'Cs', 'Zl', 'Zp'), exclude_characters='<>'),
                        max_size=90))
    def test_whatever_the_name_the_header_names_one_reader(self, name: str) -> None:
        message = EmailMessage(email.policy.SMTP)
        message['To'] = [_address(f'{name}<a@x.org>')]
        lines = bytes(message).partition(b'\r\n\r\n')[0].split(b'\r\n')
        assert all(line.startswith((b' ', b'\t', b'To:')) for line in lines)


@pytest.mark.parametrize(('arguments', 'message'), [
    ("None, 's', 't'", 'the address must be text, not NoneType'),
    ("[], 's', 't'", 'to, cc and bcc are all empty'),
    ("'a@x.org', None, 't'", 'subject must be text, not NoneType'),
    ("'a@x.org', 's', b't'", 'text must be text, not bytes'),
    ("'a@x.org', 's', 't', html=5", 'html must be text, not int'),
])
def test_what_cannot_be_a_mail(send: Send, smtp: SmtpServer, arguments: str, message: str) -> None:
    assert message in send(arguments)
    assert smtp.mails == []


class TestServer:
    def test_named_at_the_import(self, send: Send, smtp: SmtpServer) -> None:
        assert send("'a@x.org', 's', 't'", {'host': 'nowhere.invalid', 'port': 1},
                    f'''args="'127.0.0.1', {smtp.port}, sender='own@x.org'"''') == 'sent'
        assert smtp.mails[0].sender == 'own@x.org'

    def test_nobody_there(self, send: Send, smtp: SmtpServer) -> None:
        smtp.server_close()
        assert 'MailError mail: 127.0.0.1 did not take the mail: ' in send("'a@x.org', 's', 't'")

    def test_one_that_never_answers(self, send: Send, smtp: SmtpServer) -> None:
        smtp.behaviour.silent = True
        assert 'MailError mail: 127.0.0.1 did not take the mail: ' in send("'a@x.org', 's', 't'", {'timeout': 0.1})

    def test_one_that_refuses_everybody(self, send: Send, smtp: SmtpServer) -> None:
        smtp.behaviour.refuses = {'a@x.org'}
        answer = send("'a@x.org', 's', 't'")
        assert answer.startswith('MailError')
        assert 'nobody here' in answer
        assert smtp.mails == []

    def test_one_that_refuses_somebody(self, send: Send, smtp: SmtpServer) -> None:
        smtp.behaviour.refuses = {'b@x.org'}
        assert send("['a@x.org', 'b@x.org'], 's', 't'") \
            == 'MailError mail: 127.0.0.1 took the mail, but not for b@x.org'
        assert smtp.mails[0].readers == ['a@x.org']

    def test_login(self, send: Send, smtp: SmtpServer) -> None:
        assert send("'a@x.org', 's', 't'", {'user': 'u', 'password': 'right'}) == 'sent'
        assert smtp.mails[0].login == '\0u\0right'

    def test_a_wrong_password_is_told_without_it(self, send: Send, smtp: SmtpServer) -> None:
        answer = send("'a@x.org', 's', 't'", {'user': 'u', 'password': 'wr0ng'})
        assert answer.startswith('MailError')
        assert 'wr0ng' not in answer
        assert smtp.mails == []

    def test_without_the_encryption_that_was_asked_for_nothing_is_sent(self, send: Send, smtp: SmtpServer) -> None:
        assert 'MailError' in send("'a@x.org', 's', 't'", {'security': 'starttls'})
        assert smtp.mails == []

    @pytest.mark.parametrize(('settings', 'message'), [
        ({'sender': None}, 'who is it from?'),
        ({'security': 'ssl'}, "security must be None, 'starttls' or 'tls'"),
        ({'timeout': 0}, 'timeout must be a number of seconds over 0'),
        ({'timeout': None}, 'timeout must be a number of seconds over 0'),
        ({'user': 'u'}, 'one of them is missing'),
        ({'host': 'mail.invalid', 'user': 'u', 'password': 'p'}, 'for all to read'),
    ])
    def test_settings_that_cannot_be(self, send: Send, settings: dict[str, Any], message: str) -> None:
        answer = send("'a@x.org', 's', 't'", settings)
        assert answer.startswith('ValueError mail')
        assert message in answer

    @pytest.mark.parametrize(('settings', 'message'), [
        ({'hots': 'x'}, r"globals\['mail'\] of the config: hots is not one of host, port"),
        ('smtp.example.org', 'must be a dictionary'),
    ])
    def test_settings_of_the_config_that_nobody_knows(self, site: MakeSite, settings: Any, message: str) -> None:
        client = site({'page.spy': '[[.import name=mail]]x'}, globals={'mail': settings})
        client.raise_errors = True
        with pytest.raises(ValueError, match=message):
            client.get('/page.spy')

    def test_an_error_that_the_page_does_not_catch_is_an_error_page(self, site: MakeSite, smtp: SmtpServer) -> None:
        smtp.server_close()
        client = site({'page.spy': f'''[[.import name=mail args="'127.0.0.1', {smtp.port}, sender='me@x.org'"]]
                                       [[ mail.send('a@x.org', 's', 't') ]]'''})
        assert client.get('/page.spy').status == 500
        client.raise_errors = True
        with pytest.raises(MailError):
            client.get('/page.spy')


@pytest.fixture(scope='module')
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1, and a server's context with it."""
    if shutil.which('openssl') is None:
        pytest.skip('openssl, which makes the certificate, is not installed')
    folder = tmp_path_factory.mktemp('certificate')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                    '-days', '2', '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1',
                    '-keyout', folder / 'key.pem', '-out', folder / 'cert.pem'], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / 'cert.pem', folder / 'key.pem')
    return folder / 'cert.pem', context


@pytest.mark.parametrize('security', ['starttls', 'tls'])
class TestEncryption:
    def test_mail_and_password_are_encrypted(self, send: Send, smtp: SmtpServer, security: str,
                                             certificate: tuple[Path, ssl.SSLContext],
                                             monkeypatch: pytest.MonkeyPatch) -> None:
        file, smtp.behaviour.context = certificate
        smtp.behaviour.tls = security == 'tls'
        monkeypatch.setenv('SSL_CERT_FILE', str(file))
        assert send("'a@x.org', 's', 't'", {'security': security, 'user': 'u', 'password': 'right'}) == 'sent'
        assert (smtp.mails[0].secret, smtp.mails[0].login) == (True, '\0u\0right')

    def test_a_certificate_that_nobody_vouches_for_is_refused(self, send: Send, smtp: SmtpServer, security: str,
                                                              certificate: tuple[Path, ssl.SSLContext]) -> None:
        smtp.behaviour.context = certificate[1]
        smtp.behaviour.tls = security == 'tls'
        assert 'certificate verify failed' in send("'a@x.org', 's', 't'", {'security': security})
        assert smtp.mails == []


def test_a_site_may_have_its_own_module_of_that_name(site: MakeSite) -> None:
    client = site({'page.spy': '[[.import name=mail]][[= mail.word ]]',
                   'mail.py': "from spyceModule import spyceModule\nclass mail(spyceModule):\n    word = 'own'\n"})
    assert client.get('/page.spy').text.strip() == 'own'
    assert mail.__module__.endswith('contrib.mail')
