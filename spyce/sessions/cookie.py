"""The Set-Cookie of a session."""
from __future__ import annotations

from spyce.sessions.options import SessionOptions

_PAST = 'Thu, 01 Jan 1970 00:00:00 GMT'


def session_cookie(options: SessionOptions, sessionid: str, *, path: str, expire: float, secure: bool) -> str:
    """The value of the header that gives the browser its session id.

    path, expire (seconds): of the page or config; secure: whether the request came over https.
    """
    lasting = f'; Max-Age={max(1, int(expire))}' if options.session_cookie_persistent else ''
    return f'{options.session_cookie_name}={sessionid}{lasting}{cookie_attributes(options, path, secure)}'


def expired_cookie(options: SessionOptions, *, path: str, secure: bool) -> str:
    """The value of the header that makes the browser forget its session id."""
    return f'{options.session_cookie_name}=; Expires={_PAST}; Max-Age=0{cookie_attributes(options, path, secure)}'


def form_cookie_name(options: SessionOptions, secure: bool) -> str:
    """The name of the cookie that CSRF tokens of visitors without a session are made of.

    With https, if the options allow, one that only this very host can set.
    """
    name = f'{options.session_cookie_name}-form'
    is_of_host = _is_secure(options, secure) and options.session_path == '/' and not options.session_cookie_domain
    return f'__Host-{name.removeprefix("__Host-").removeprefix("__Secure-")}' if is_of_host else name


def form_cookie(options: SessionOptions, value: str, *, secure: bool) -> str:
    """The value of the header that gives the browser that cookie, which ends with the browser."""
    attributes = cookie_attributes(options, options.session_path, secure)
    return f'{form_cookie_name(options, secure)}={value}{attributes}'


def expired_form_cookie(options: SessionOptions, *, secure: bool) -> str:
    """The value of the header that makes the browser forget it."""
    attributes = cookie_attributes(options, options.session_path, secure)
    return f'{form_cookie_name(options, secure)}=; Expires={_PAST}; Max-Age=0{attributes}'


def cookie_attributes(options: SessionOptions, path: str, secure: bool) -> str:
    """What follows name and value of every cookie of the engine, from the first semicolon on."""
    parts = ['', f'Path={path}']
    if options.session_cookie_domain:
        parts.append(f'Domain={options.session_cookie_domain}')
    if _is_secure(options, secure):
        parts.append('Secure')
    parts += ['HttpOnly', f'SameSite={options.session_cookie_samesite}']
    return '; '.join(parts)


def _is_secure(options: SessionOptions, secure: bool) -> bool:
    if options.session_cookie_name.lower().startswith(('__host-', '__secure-')):
        return True
    return secure if options.session_cookie_secure is None else options.session_cookie_secure
