"""The tags of the library `core` that log visitors in and out (manual: core tags; reference 9, Login)."""
from __future__ import annotations

import inspect
from typing import Any

from spyce.tags.attributes import attribute_text

from spyce.legacy.spyceTag import TagSyntaxError, spyceTagPlus
from spyce.login.attempt import attempt, interrupted_fields
from spyce.login.request import request_login
from spyce.login.validators import is_validator_name
from spyce.runtime.exceptions import spyceDone
from spyce.runtime.handlers import block_handlers


class _LoginTag(spyceTagPlus):
    """A tag that logs in with the name and password that its form has sent, before the page runs."""

    prepares = 1

    def syntax(self) -> None:
        self.syntaxSingleOnly()
        validator = self.getAttributes().get('validator', 'any.any')
        if validator is None or not is_validator_name(validator):
            raise TagSyntaxError(f'attribute validator of <{self.getFullId()}> is {validator!r}; write '
                                 'MODULE.FUNCTION: it is called before the page runs, so it can be neither an '
                                 'expression nor a method of the page')

    @classmethod
    def prepare(cls, api: Any, attributes: dict[str, str | None]) -> None:
        attempt(api, attributes.get('validator'))
        if request_login(api).was_attempted:
            block_handlers(api.getRequest())  # who logs in presses that button; tokens change with it, too

    def render(self, tag: str, fields: list[tuple[str, str]]) -> None:
        """Write a form, or its fields, with the tag that an option names; it gets those of these attributes that it
        takes: message: why the last attempt failed, or ''; login: the name then given; fields: the pairs (name,
        value) that the form has to send along.
        """
        api = self._taglib._api
        login = request_login(api)
        attributes = {'message': login.message, 'login': login.name, 'fields': fields}
        _, _, tag_class = api.getServer().tag_libraries.global_tag(tag)
        parameters = inspect.signature(tag_class.begin).parameters.values()
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            taken = {parameter.name for parameter in parameters}
            attributes = {name: value for name, value in attributes.items() if name in taken}
        self._taglib.render(tag, **attributes)


class tag_login(_LoginTag):
    """`<spy:login validator="MODULE.FUNCTION" />`: the fields of a login within a form, for who is not logged in.

    validator: a function (login, password) that gives the id of the user, a str or an int, or None; by default the
    config's login_defaultvalidator (recorded case login-required-flow).
    """

    name = 'login'

    def begin(self, validator: str | None = None) -> None:
        if request_login(self._taglib._api).user() is None:
            self.render(self._taglib._api.getServer().config.login_render, [])


class tag_login_required(_LoginTag):
    """`<spy:login_required validator="MODULE.FUNCTION" />`: the page goes on for those who are logged in only.

    Others get a form to log in with, and the page ends here. Active handlers of the page, wherever they stand, do not
    run for them (recorded case login-required-form).
    """

    name = 'login_required'

    @classmethod
    def prepare(cls, api: Any, attributes: dict[str, str | None]) -> None:
        super().prepare(api, attributes)
        if request_login(api).user() is None:
            block_handlers(api.getRequest())

    def begin(self, validator: str | None = None) -> None:
        api = self._taglib._api
        if request_login(api).user() is not None:
            return
        config = api.getServer().config
        self.render(config.loginrequired_render if self.getParent('form') is None else config.login_render,
                    interrupted_fields(api))
        raise spyceDone


class tag_logout(spyceTagPlus):
    """`<spy:logout />`: a button that logs out, within a form of f:form that is sent by POST.

    value: its text; other attributes go into the HTML.
    """

    name = 'logout'
    handlers = ('spyce.login.logout',)

    def syntax(self) -> None:
        self.syntaxSingleOnly()
        form = self.getParent('form')
        if form is None:
            raise TagSyntaxError(f'<{self.getFullId()}> must stand within an <f:form> tag')
        if (form.getAttributes().get('method') or '').lower() == 'get':
            raise TagSyntaxError(f'<{self.getFullId()}> stands in a form that is sent by GET; a link of another site '
                                 'could log visitors out. Send it by POST')

    def begin(self, value: object = 'Logout', **kwargs: Any) -> None:
        attributes = {'type': 'submit', **self.getHandlerAttributes(), 'value': value, **kwargs}
        self.getOut().write(f'<input{attribute_text(attributes)}>')
