"""The session of one request: its tokens and messages, its new ids, and its end before the response leaves."""
from __future__ import annotations

from typing import Any, cast

from spyce.sessions.cookie import expired_cookie, session_cookie
from spyce.sessions.errors import SessionReadOnly
from spyce.sessions.formcookie import FormCookie
from spyce.sessions.items import SessionItems
from spyce.sessions.link import StoreLink
from spyce.sessions.native import FLASHES, OWNER, SECRET
from spyce.sessions.tokens import check_token, make_token, new_secret, secret_for
from spyce.sessions.values import SessionValues, unpack

SENT = 'it was saved and unlocked when the headers went out; put before the first flush() or unbuffer()'


class RequestSession(SessionItems):
    """The session as one request sees it: a mapping, and what can be done with a session beyond that.

    Nothing is stored unless something was put. finish() or abandon() must be called at the end.
    gave_token: whether token() was called, so that the answer has something for this visitor only.
    """

    gave_token = False
    _form_cookie: FormCookie | None = None

    @property
    def _form(self) -> FormCookie:
        if self._form_cookie is None:
            login = self._login  # the form cookie must not hold this object, see StoreLink
            self._form_cookie = FormCookie(self._options, self._cookies, self._manager.site_key,
                                           secure=self._secure, login=lambda: login()[1])
        return self._form_cookie

    # CSRF tokens, messages

    def token(self, purpose: str = '') -> str:
        """A token for a form of this page; check() knows it at the next request. Each call gives another text.

        purpose: what the token is good for, and nothing else; check() must be told the same.

        With a session its secret is kept there; the first call stores it, also in a page that may put nothing since
        it was imported with readonly=True or is released. For a visitor without one it hangs on a cookie of its own
        and the site's key, and nothing is stored; a session that he begins goes on with the same secret. Tokens end
        with regenerate() and the session.

        Raises SessionReadOnly if the cookie would be needed, and the headers have been sent.
        """
        self.gave_token = True
        secret = self._stored_secret()
        if secret is None and self._is_visitor() and self._form.is_possible:
            if self._finished and not self._form.is_sent and self._form.secret is None:
                raise SessionReadOnly(f'session.token(): its cookie cannot be sent any more: {self._read_only}')
            secret = self._form.give_secret()
        elif secret is None:
            is_stored = self._link.entry is not None
            values = self._load() if is_stored else self._load_to_change('session.token()')
            secret = self._change_item(values, SECRET, None, lambda there: there or new_secret())
        return make_token(secret_for(secret, purpose))

    def check(self, token: object, purpose: str = '') -> bool:
        """Whether `token`, as a form sent it, is one that token() gave to a page of this session, or, for a visitor
        without one, to a page in this browser, for this purpose. None is not."""
        secret = self._stored_secret()
        if secret is None and self._is_visitor() and self._form.is_possible:
            secret = self._form.sent_secret()
        return secret is not None and check_token(token, secret_for(secret, purpose))

    def _stored_secret(self) -> str | None:
        """The secret of the session, if it has one. It is read without the lock: a page that does no more than show a
        form lets others of its visitor through."""
        if self._values is not None:
            return cast('str | None', self._values.get(SECRET))
        if not self._was_found:
            self._find(locked=False)
        packed = self._link.entry.items.get(SECRET) if self._link.entry else None
        return None if packed is None else cast(str, unpack(packed, self._manager.values))

    def _beginning(self) -> dict[str, str]:
        # The forms that the visitor has open go on to be good.
        secret = self._form.secret or self._form.sent_secret() if self._form.is_possible else None
        return {**super()._beginning(), **({SECRET: secret} if secret is not None else {})}

    def flash(self, text: str, kind: str = 'info') -> None:
        """Leave a message for the next page that asks for flashes(): after a redirect, say. It is a put."""
        if not isinstance(text, str) or not isinstance(kind, str):
            raise TypeError(f'session.flash({text!r}, {kind!r}): the message and its kind must be str')
        values = self._load_to_change('session.flash()')
        self._change_item(values, FLASHES, [], lambda there: [*there, (kind, text)])

    def flashes(self) -> list[tuple[str, str]]:
        """The messages left, (kind, text), oldest first, and each only once. If there are none, nothing is stored."""
        values = self._load_to_change('session.flashes()')
        if not values.get(FLASHES):
            return []
        taken: list[Any] = []

        def take(there: list[Any]) -> list[Any]:
            taken[:] = there
            return []

        self._change_item(values, FLASHES, [], take)
        return [(kind, text) for kind, text in taken]

    def regenerate(self) -> None:
        """Give the session a new id when it is saved; call it at login. The old id then leads nowhere.

        Only requests that had arrived by then may still use the old one, for a short time; if such a request calls
        regenerate() itself, it begins a session of its own.
        """
        values = self._load_to_change('session.regenerate()')
        self._form.renew()
        if self._link.is_retired:  # another request was faster: the session is the one of its visitor now
            self._link.unlock()
            self._link.forget()
            self._begin()
            return
        self._link.renew()
        owner = self._login()[0]
        if owner and not self._is_visitor():
            values.put(OWNER, owner)
        if SECRET in values or (self.mode == 'merge' and self._link.entry is not None):
            values.put(SECRET, new_secret())  # in mode merge another request may have put one meanwhile

    def invalidate(self) -> None:
        """End the session now: its data are removed, its id leads nowhere, the browser is told to forget it.

        Something put afterwards begins a new session.
        """
        self._load_to_change('session.invalidate()')
        self._form.renew()
        if not self._link.is_replaced:  # else the browser may have the new id by now
            self._forget_cookie = bool(self._link.candidates)
        self._link.remove()
        self._link.forget()
        self._begin()

    # The end

    def release(self) -> None:
        """Save and unlock now. The session can be read further, not changed."""
        self._close('release() has saved and unlocked it')

    def finish(self, why: str = SENT) -> list[tuple[str, str]]:
        """Save and unlock, once. The headers to add to the response; later calls give none.

        why: what the error of a later put says of it.
        Raises SessionError if the session cannot be saved; it is unlocked then, too.
        """
        if self._finished:
            return []
        self._finished = True
        was_used = self._was_found
        self._close(why)
        if not was_used:
            return []
        form_headers = self._form_cookie.headers() if self._form_cookie is not None else []
        return [*self._cookie(), *form_headers, ('Cache-Control', 'no-store'), ('Vary', 'Cookie')]

    def abandon(self) -> None:
        """Unlock without saving."""
        self._finished = True
        self._read_only = self._read_only or 'the request was broken off'
        self._link.unlock()

    def _close(self, reason: str) -> None:
        if self._read_only:
            return
        link = self._link
        try:
            if self._values is None or self.mode == 'readonly':
                link.touch()
            else:
                self._save(link, self._values)
        finally:
            self._read_only = reason
            link.unlock()
        if link.stored:
            self._manager.cleaner.note_change()

    def _save(self, link: StoreLink, values: SessionValues) -> None:
        changes = values.changes()
        if link.entry is None:
            if self._was_put:
                link.create({} if changes is None else changes({}))
        elif changes is not None:
            link.change(changes)
        elif link.next_id:
            link.change(dict)
        else:
            link.touch()

    def _cookie(self) -> list[tuple[str, str]]:
        """The Set-Cookie, if the browser has another id than the session, or one that ends too early."""
        link = self._link
        lasts_longer = link.slid and self._options.session_cookie_persistent and not link.is_retired
        if link.entry is not None and (link.id != link.found_id or lasts_longer):
            return [('Set-Cookie', session_cookie(self._options, link.id, path=self._path, expire=self.expire,
                                                  secure=self._secure))]
        if link.entry is None and self._forget_cookie:
            return [('Set-Cookie', expired_cookie(self._options, path=self._path, secure=self._secure))]
        return []


