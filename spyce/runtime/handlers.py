"""Active handlers: what the button of a form calls before its page runs (manual: active handlers; reference 9).

A button has the field `_submit` and an id that the compiler has given it; beside it stands a hidden field with a token
for that button. Of a form that stands in the page several times the second and later ones have a number, too.
"""
from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from spyce.page.tags import HandlerUse
from spyce.runtime.context import outside_of_pages
from spyce.runtime.conversions import Fields, NotConvertible
from spyce.runtime.exceptions import CompoundHandlerError, HandlerError, SpyceError
from spyce.runtime.modules import moduleFinder
from spyce.sessions.errors import SessionReadOnly

if TYPE_CHECKING:
    from spyce.legacy.spyceTag import spyceTag
    from spyce.runtime.wrapper import spyceWrapper

log = logging.getLogger('spyce.page')

_BUTTON = re.compile(r'_submit(?P<id>[0-9a-f]{16})(?:_(?P<number>[0-9]{1,6}))?')
_PRESSED = 'pressed'
_BLOCKED = 'handlers blocked'
_UNKNOWN = 'unknown button'
_FORMS = 'forms'

_NOT_CALLED_THROUGH = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)

EXPIRED = 'This form is not valid any more. Please send it again.'


@dataclass
class Pressed:
    """The button that was pressed, and what its handlers had to say.

    number: which of several forms from one place of the page it stands in, from 0; is_told: whether the error was
    shown in its form, or logged.
    """

    handler_id: str
    number: int
    error: Exception | None = None
    is_told: bool = False


# -- running -------------------------------------------------------------------------------------------------------

def run_handlers(api: spyceWrapper, handlers: Mapping[str, HandlerUse]) -> None:
    """Run the handlers of the button that this request has pressed, if it is one of the page's.

    None run after block_handlers(). They run once in a request: not again in a second include of the page, nor after
    redirect.internal() to it. A HandlerError is kept for the form that has the button, and what was done in the
    config's db is undone; all else that a handler raises passes.
    """
    state = api.getRequest().state
    if _PRESSED in state or _BLOCKED in state:
        return
    method = api.engine_module('request').method()
    name, pressed = _pressed(api, handlers, method)
    if pressed is None:
        if name:
            state[_UNKNOWN] = True
        return
    state[_PRESSED] = pressed
    use = handlers[pressed.handler_id]
    try:
        if api.getServer().config.handler_tokens:
            _check_token(api, name, pressed, method)
        _call_all(api, use, _fields(api, method))
    except (HandlerError, CompoundHandlerError) as error:
        pressed.error = error
        database = api.getServer().request_db
        if hasattr(type(database), 'rollback'):
            database.rollback()


def block_handlers(request: Any) -> None:
    """No handler runs in this request any more, whichever of its pages has the button."""
    request.state[_BLOCKED] = True


def _pressed(api: spyceWrapper, handlers: Mapping[str, HandlerUse], method: str) -> tuple[str, Pressed | None]:
    """The field of the button that was pressed, and what it says: None if the button is not one of these handlers'."""
    request = api.engine_module('request')
    sent = request.post() if method == 'POST' else request.get() if method == 'GET' else {}
    # Of a form whose method only the running page knows the token tells; without tokens it must be POST.
    methods = (method == 'GET', None) if method == 'POST' or api.getServer().config.handler_tokens else (True,)
    buttons = [match for match in map(_BUTTON.fullmatch, sent) if match]
    for match in buttons:
        use = handlers.get(match['id'])
        if use and use.by_get in methods:
            return match[0], Pressed(match['id'], int(match['number'] or 0))
    return (buttons[0][0], None) if buttons else ('', None)


def _fields(api: spyceWrapper, method: str) -> Fields:
    request = api.engine_module('request')
    return Fields(request.post() if method == 'POST' else request.get(), request.file())


def _check_token(api: spyceWrapper, name: str, pressed: Pressed, method: str) -> None:
    """Raise HandlerError, with status 403, unless a page of this visitor had the button."""
    request = api.engine_module('request')
    token = (request.post1 if method == 'POST' else request.get1)(f'{name}_token')
    if not api.engine_module('session').check(token, _purpose(pressed.handler_id, method)):
        api.getResponse().setReturnCode(403)
        raise HandlerError(None, EXPIRED)


def _purpose(handler_id: str, method: str) -> str:
    return f'{method} {handler_id}'


def _call_all(api: spyceWrapper, use: HandlerUse, fields: Fields) -> None:
    """Call all handlers in order, until one raises; none of them if the fields do not fit."""
    functions = [_function(api, name, use.file) for name in use.names]
    errors = CompoundHandlerError()
    calls = [(function, *_arguments(function, api, fields, errors)) for function in functions]
    if errors:
        raise errors.errors[0] if len(errors.errors) == 1 else errors
    for function, positional, named in calls:
        function(*positional, **named)


def _function(api: spyceWrapper, name: str, file: str) -> Callable[..., Any]:
    """The function that a handler's name stands for. Raises SpyceError if there is none."""
    owner, *path = name.split('.')
    if owner == 'self':
        found: Any = api.instance
    else:
        *modules, function = name.split('.')
        folder = os.path.dirname(file or api.getFilename())
        site_import = api.getServer().site_imports.builtins_for(folder)['__import__']
        found, path = site_import('.'.join(modules), fromlist=(function,)), [function]
    for part in path:
        found = getattr(found, part, None)
    if not callable(found):
        where = 'method of the page: define it in a class chunk' if owner == 'self' else 'function of that module'
        raise SpyceError(f'handler="{name}": there is no such {where}')
    if any(is_kind(found) for is_kind in _NOT_CALLED_THROUGH):
        raise SpyceError(f'handler="{name}": a handler is a plain function; an async function, or one with yield, '
                         'would do nothing when it is called')
    return found  # type: ignore[no-any-return]


# -- arguments -----------------------------------------------------------------------------------------------------

def _arguments(function: Callable[..., Any], api: spyceWrapper, fields: Fields,
               errors: CompoundHandlerError) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a handler: `api`, whatever its first parameter is called, then fields by the names of the
    others. What does not fit is added to `errors`."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].kind not in (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD):
        positional.append(moduleFinder(api))
        if parameters[0].kind is not Parameter.VAR_POSITIONAL:
            del parameters[0]
    for parameter in parameters:
        if parameter.kind is Parameter.VAR_KEYWORD:
            own_names = _own_names(function)
            for name in fields.names():
                if name not in own_names:
                    _add_argument(name, Parameter.empty, named.__setitem__, fields, errors)
        elif parameter.kind is Parameter.POSITIONAL_ONLY:
            _add_argument(parameter.name, parameter.default, lambda _, value: positional.append(value), fields,
                          errors)
        elif parameter.kind is not Parameter.VAR_POSITIONAL:
            _add_argument(parameter.name, parameter.default, named.__setitem__, fields, errors)
    return positional, named


def _own_names(function: Callable[..., Any]) -> set[str]:
    """Names that a handler has for arguments of its own, with that of the page, `self`."""
    unbound = getattr(function, '__func__', function)
    return {*inspect.signature(function).parameters, *inspect.signature(unbound).parameters}


def _add_argument(name: str, default: Any, add: Callable[[str, Any], None], fields: Fields,
                  errors: CompoundHandlerError) -> None:
    """Add the field `name`, or the default, to the arguments, or what is wrong with it to the errors."""
    try:
        value = fields.value(name)
    except NotConvertible as problem:
        if not problem.is_empty or default is Parameter.empty:
            errors.add(HandlerError(name, str(problem)))
            return
        value = default
    except KeyError:
        if default is Parameter.empty:
            errors.add(HandlerError(name, 'is missing'))
            return
        value = default
    add(name, value)


# -- forms and buttons ---------------------------------------------------------------------------------------------

def number_of_form(tag: spyceTag) -> int:
    """Which of the forms from this place of the page the form tag is, from 0; to be asked once for each."""
    counts: dict[tuple[str, ...], int] = tag._taglib._api.getRequest().state.setdefault(_FORMS, {})
    number = counts.get(tag.getInnerHandlers(), 0)
    counts[tag.getInnerHandlers()] = number + 1
    return number


def pressed_in(tag: spyceTag, number: int) -> Pressed | None:
    """What is known of the button that was pressed, if it stands in this form."""
    pressed: Pressed | None = tag._taglib._api.getRequest().state.get(_PRESSED)
    if pressed is None or pressed.number != number or pressed.handler_id not in tag.getInnerHandlers():
        return None
    return pressed


def is_other_form(tag: spyceTag, number: int) -> bool:
    """Whether a button was pressed that does not stand in this form."""
    return _PRESSED in tag._taglib._api.getRequest().state and pressed_in(tag, number) is None


def button_name(tag: spyceTag, number: int) -> str:
    """The name of the button that a tag with handlers writes."""
    return f'_submit{tag.getHandlerId()}' + (f'_{number}' if number else '')


def token_field(tag: spyceTag, name: str, method: str) -> str:
    """The hidden field that stands beside the button `name`; '' if the config wants none, or in a page that is
    rendered for a program: it has no visitor. Raises SpyceError if the visitor's cookie cannot be sent any more."""
    api = tag._taglib._api
    if not api.getServer().config.handler_tokens or getattr(api.getResponse(), 'no_cookies', None) is not None:
        return ''
    try:
        token = api.engine_module('session').token(_purpose(tag.getHandlerId(), method))
    except SessionReadOnly as error:
        raise SpyceError(f'<{tag.getFullId()}> has a handler, so it needs a token of the visitor, and this page '
                         'cannot give one any more. Call session.token() before flush() or unbuffer()') from error
    return f'<input type="hidden" name="{escape(name)}_token" value="{escape(token)}">'


def elements(error: Exception) -> frozenset[str]:
    """What a HandlerError, or each of several, is about, in lower case."""
    errors = getattr(error, 'errors', [error])
    return frozenset(str(each.element).lower() for each in errors if each.element)


def show_error(tag: spyceTag, pressed: Pressed) -> None:
    """Write what the handlers said, with the tag that the config names."""
    pressed.is_told = True
    tag._taglib.render(tag._taglib._api.getServer().config.validation_render, err=pressed.error)


def log_unshown(request: Any, file: str) -> None:
    """Log what a handler said and no form of the page has shown, and a press that no page of the request knew."""
    state = request.state
    if _PRESSED not in state and _UNKNOWN not in state:
        return
    pressed: Pressed | None = state.get(_PRESSED)
    if pressed is None and state.pop(_UNKNOWN, False):
        with outside_of_pages():
            log.warning('%s: a button was pressed that no page has, so no handler has run: was the form open while '
                        'the handlers of its buttons were changed?', file)
    if pressed is not None and pressed.error is not None and not pressed.is_told:
        pressed.is_told = True
        with outside_of_pages():
            log.warning('%s: a handler raised %r, and the page did not show the form whose button was pressed, where '
                        'it would have stood', file, str(pressed.error))


def forget_forms(request: Any) -> None:
    """The page begins again, or another one takes its place: what its forms have shown is dropped."""
    request.state.pop(_FORMS, None)
    if _PRESSED in request.state:
        request.state[_PRESSED].is_told = False
