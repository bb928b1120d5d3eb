"""The tag library `form`, in every page under the prefix `f` (manual: form tags; reference 9)."""
from __future__ import annotations

from typing import Any

from spyce.tags import fields
from spyce.tags.attributes import attribute_text

from spyce.legacy.spyceTag import TagSyntaxError, spyceTagLibrary, spyceTagPlus
from spyce.runtime.handlers import Pressed, elements, is_other_form, number_of_form, pressed_in, show_error


class tag_form(spyceTagPlus):
    """`<f:form method="POST" action="URL">`: a form, which by default is sent to the page that it is in.

    What the handlers of one of its buttons had to say stands at its start. When its contents run, these are set:
    method: how it is sent, 'GET' or 'POST'; number: which of the forms from this place of the page it is, from 0;
    was_sent: whether one of its buttons was pressed; is_other: whether a button of another form was; invalid: names
    of the fields that are wrong, in lower case.

    In a loop its number tells whether it was sent, unless an f:hidden in it has another value than then: there may be
    less or more to show by now. So that field stands before the others.
    """

    name = 'form'
    mustend = 1
    method = 'POST'
    number = 0
    was_sent = is_other = False
    invalid: frozenset[str] = frozenset()
    _pressed: Pressed | None = None

    def syntax(self) -> None:
        self.syntaxPairOnly()
        if self.getParent('form'):
            raise TagSyntaxError(f'<{self.getFullId()}> stands within another one; HTML has no forms within forms')
        method = self.getAttributes().get('method')
        if method is not None and not method.startswith('='):
            self._checked_method(method)

    def begin(self, method: object = 'POST', action: object = None, **kwargs: Any) -> None:
        self.method = self._checked_method(str(method or 'POST'))
        if action is None:
            path: str = self.getModule('request').uri_path()
            action = '/' + path.lstrip('/\\')  # a path that begins with // would be another host
        attributes = {'method': self.method, 'action': action, **kwargs}
        self.getOut().write(f'<form{attribute_text(attributes)}>')
        if self.getInnerHandlers():
            self._see_what_was_pressed()

    def see_hidden(self, name: str, value: str) -> None:
        """A hidden field of the form has this value, whatever was sent."""
        if self._is_repeated and self.was_sent and value not in (self.getModule('request').getpost(name) or ()):
            self.was_sent, self.is_other = False, True
            self.invalid = frozenset()

    def body(self, contents: str | None) -> None:
        if self.was_sent and self._pressed is not None:
            show_error(self, self._pressed)
        super().body(contents)

    def end(self) -> None:
        self.getOut().write('</form>')

    def _checked_method(self, method: str) -> str:
        if method.upper() not in ('GET', 'POST'):
            raise TagSyntaxError(f'method of <{self.getFullId()}> must be GET or POST; it is {method!r}')
        return method.upper()

    def _see_what_was_pressed(self) -> None:
        self.number = number_of_form(self)
        pressed = pressed_in(self, self.number)
        self.was_sent = pressed is not None
        self.is_other = is_other_form(self, self.number)
        if pressed is not None and pressed.error is not None:
            self.invalid = elements(pressed.error)
            self._pressed = pressed
            self.buffer = 1  # the message stands before what is to come


class tag_submit(spyceTagPlus):
    """`<f:submit value="..">`: a button that sends the form.

    with: 'button', the only kind; 2.1 knew the attribute. handler: what it calls before the page runs, `self.NAME` or
    `MODULE.NAME`, several with commas; such a button must stand within f:form, and has no name of its own.
    """

    name = 'submit'

    def syntax(self) -> None:
        self.syntaxSingleOnly()
        self.syntaxValidSet('with', ['button'])
        self.handlers = self.getAttributes().get('handler')
        if 'handler' in self.getAttributes():
            self.parentRequired('form')
            if 'name' in self.getAttributes():
                raise TagSyntaxError(f"<{self.getFullId()}> has its name from the handler: remove the attribute 'name'")

    def begin(self, handler: str | None = None, **kwargs: Any) -> None:
        kwargs.pop('with', None)
        button = self.getHandlerAttributes() if self.getHandlerId() else {}
        self.getOut().write(f'<input{attribute_text({"type": "SUBMIT", **button, **kwargs})}>')


class form(spyceTagLibrary):
    """The tags above, and the fields."""

    tags = [tag_form, tag_submit, fields.tag_hidden, fields.tag_text, fields.tag_password, fields.tag_date,
            fields.tag_textarea, fields.tag_radio, fields.tag_checkbox, fields.tag_radiolist, fields.tag_checkboxlist,
            fields.tag_select, fields.tag_option]
