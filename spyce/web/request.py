"""The raw request of 2.1 over a WSGI environ (reference 6.4). What a client sent is parsed when a page asks for it."""
from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from spyce.runtime.paths import real_folder
from spyce.web.proxy import behind_proxy

if TYPE_CHECKING:
    from spyce.config import Config
    from spyce.web.body import Body, Pairs
    from spyce.web.upload import Upload

METHODS_WITH_FORM = ('POST', 'PUT', 'PATCH')

_PAIR = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=([!#-+\--:<-\[\]-~]*)")
_PLAIN_COOKIES = re.compile(f'{_PAIR.pattern}(?:; {_PAIR.pattern})*')
"""A Cookie header as RFC 6265 wants it (section 4.2.1), without quotes: there is but one way to read it."""


class WebRequest:
    """One request. `state` lives as long as it does: what modules share among pages of the request hangs there."""

    def __init__(self, environ: dict[str, Any], config: Config) -> None:
        self.environ = behind_proxy(environ, config.trusted_proxies)
        self.config = config
        self.state: dict[str, Any] = {}
        self._stack: list[str] = []

    @cached_property
    def root(self) -> str:
        """The real path of the folder of the site: the same for the whole request, also if a link is set anew."""
        return real_folder(self.config.root)

    # -- 2.1's raw request -------------------------------------------------------------------------------------

    def read(self, n: int | None = None) -> bytes:
        """The body, or its next `n` bytes. Empty once a page has asked for the form, which reads it all.

        Raises RequestTooLarge, BadRequest (the client sent less than it announced).
        """
        return self._body.read(-1 if n is None else n)

    def readline(self, n: int | None = None) -> bytes:
        """The next line of the body, or the first `n` bytes of it. Raises what read() raises."""
        return self._body.readline(-1 if n is None else n)

    def env(self, name: str | None = None) -> Any:
        """A variable of the CGI environment, None if it is not set; without name the dictionary of all."""
        return self.environ if name is None else self.environ.get(name)

    def getHeader(self, type: str | None = None) -> Any:
        """A request header by its name in any case, None if it was not sent; without name a dict of all.

        Recorded case request-header.
        """
        if type is not None:
            key = type.upper().replace('-', '_')
            if key not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
                key = f'HTTP_{key}'
            return self.environ.get(key) or None
        return {_header_name(key): value for key, value in self.environ.items()
                if key.startswith('HTTP_') or (key in ('CONTENT_TYPE', 'CONTENT_LENGTH') and value)}

    def getServerID(self) -> int:
        """The id of this process."""
        return os.getpid()

    # -- what the client sent, parsed --------------------------------------------------------------------------

    def method(self) -> str:
        """The request method, upper case."""
        return str(self.environ.get('REQUEST_METHOD', 'GET')).upper()

    def query(self) -> Pairs:
        """(name, value) of the query string, in order, blank values kept. Raises RequestTooLarge."""
        return list(self._query)

    def form(self) -> Pairs:
        """(name, value) of the fields of a POST, PUT or PATCH body, in order, blank values kept; not its files.

        Raises RequestTooLarge, BadRequest.
        """
        return list(self._form[0])

    def files(self) -> list[tuple[str, Upload]]:
        """(name, file) of the files in a multipart body, in order. Raises RequestTooLarge, BadRequest."""
        return list(self._form[1])

    def cookies(self) -> Pairs:
        """(name, value) of the cookies in order, as sent: values not url-decoded, a name may come twice."""
        return list(self._cookies)

    def is_secure(self) -> bool:
        """Whether the client (or a trusted proxy before it) speaks https."""
        return bool(self.environ.get('wsgi.url_scheme') == 'https')

    @property
    def remote_addr(self) -> str:
        """The address of the client, as far as trusted proxies tell; empty if unknown."""
        return str(self.environ.get('REMOTE_ADDR') or '')

    @property
    def host(self) -> str:
        """Host and port that the client asked for. Whatever it likes to say: check before trusting it."""
        name = self.environ.get('HTTP_HOST') or self.environ.get('SERVER_NAME') or ''
        return str(name)

    @property
    def path(self) -> str:
        """The path of the url, decoded, with the prefix that the application is mounted under."""
        return self._path_bytes.decode('utf-8', 'replace')

    def uri(self) -> str:
        """Path and query as the client sent them, still escaped (recorded case request-uri)."""
        query = self.environ.get('QUERY_STRING', '')
        return self._escaped_path + ('?' + query if query else '')

    def close(self) -> None:
        """The request is over: remove the temporary files of its uploads."""
        if '_body' in self.__dict__:
            self._body.close()

    # -- how -----------------------------------------------------------------------------------------------------

    @property
    def _path_bytes(self) -> bytes:
        path = self.environ.get('SCRIPT_NAME', '') + self.environ.get('PATH_INFO', '')
        return str(path).encode('latin-1', 'replace')

    @property
    def _escaped_path(self) -> str:
        # The original spelling, if the server passes it on and nothing on the way has rewritten the path.
        original = str(self.environ.get('REQUEST_URI') or self.environ.get('RAW_URI') or '').partition('?')[0]
        if original.startswith('/') and unquote_to_bytes(original.encode('latin-1', 'replace')) == self._path_bytes:
            return original
        return quote(self._path_bytes, safe="/:@!$&'()*+,;=~-._") or '/'

    @cached_property
    def _query(self) -> Pairs:
        query = str(self.environ.get('QUERY_STRING', ''))
        if not query:
            return []
        from spyce.web.body import urlencoded_pairs
        return urlencoded_pairs(query.encode('latin-1', 'replace').decode('utf-8', 'replace'), self.config.max_fields)

    @cached_property
    def _cookies(self) -> Pairs:
        header = str(self.environ.get('HTTP_COOKIE', ''))
        if not header:
            return []
        if _PLAIN_COOKIES.fullmatch(header):
            return _PAIR.findall(header)
        from spyce.web.body import cookie_pairs
        return cookie_pairs(header)

    @cached_property
    def _body(self) -> Body:
        from spyce.web.body import Body
        return Body(self.environ, self.config)

    @cached_property
    def _form(self) -> tuple[Pairs, list[tuple[str, Upload]]]:
        return self._body.form() if self.method() in METHODS_WITH_FORM else ([], [])


def _header_name(key: str) -> str:
    return '-'.join(word.capitalize() for word in key.removeprefix('HTTP_').split('_'))
