"""The tag library `form`, in every page under the prefix `f` (manual: form tags; reference 9)."""
from __future__ import annotations

from typing import Any

from spyce.tags import fields
from spyce.tags.attributes import attribute_text, need_values

from spyce.legacy.spyceTag import TagSyntaxError, spyceTagLibrary, spyceTagPlus
from spyce.runtime.handlers import Pressed, elements, is_other_form, number_of_form, pressed_in, show_error


class tag_form(spyceTagPlus):
    """`<f:form method="POST" action="URL">`: a form, which by default is sent to the page that it is in.

    What the handlers of one of its buttons had to say stands at its start. When its contents run, these are set:
    method: how it is sent, 'GET' or 'POST'; number: which of the forms from this place of the page it is, from 0;
    was_sent: whether one of its buttons was pressed; begins_anew: whether its fields show nothing of what was sent,
    which is another form's, or is done with; invalid: names of the fields that are wrong, in lower case.

    A form that stands once shows after its handlers what was typed (recorded case handler-value-kept). One that may
    stand several times (in a loop, lambda, include, or tag of a collection) does so only if a handler complained: once
    they have done their work another thing may stand in its place. For the same reason an f:hidden of a form in a loop
    that has another value than was sent says that it is another form; so that field stands before the others.
    """

    name = 'form'
    mustend = 1
    _keeps_contents = True
    method = 'POST'
    number = 0
    was_sent = begins_anew = False
    invalid: frozenset[str] = frozenset()
    _pressed: Pressed | None = None

    def syntax(self) -> None:
        self.syntaxPairOnly()
        need_values(self, 'method', 'action')
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
        self._see_what_was_pressed()

    def see_hidden(self, name: str, value: str) -> None:
        """A hidden field of the form has this value, whatever was sent."""
        if self._is_repeated and self.was_sent and value not in (self.getModule('request').getpost(name) or ()):
            self.was_sent, self.begins_anew = False, True
            self.invalid = frozenset()

    def body(self, contents: str | None) -> None:
        if self.buffer and self.was_sent:
            self._show_error()
        super().body(contents)

    def end(self) -> None:
        self.getOut().write('</form>')

    def _checked_method(self, method: str) -> str:
        if method.upper() not in ('GET', 'POST'):
            raise TagSyntaxError(f'method of <{self.getFullId()}> must be GET or POST; it is {method!r}')
        return method.upper()

    def _see_what_was_pressed(self) -> None:
        if self.getInnerHandlers():
            self.number = number_of_form(self)
        self._pressed = pressed_in(self, self.number)
        error = self._pressed.error if self._pressed else None
        may_repeat = self._is_repeated or self._taglib._api.is_part
        is_done = self._pressed is not None and error is None and may_repeat
        self.begins_anew = is_done or is_other_form(self, self.number)
        self.was_sent = self._pressed is not None and not is_done
        if error is None:
            return
        self.invalid = elements(error)
        if self._is_repeated:
            self.buffer = 1  # its hidden fields have a say, and the message stands before them
        else:
            self._show_error()

    def _show_error(self) -> None:
        if self._pressed is not None:
            show_error(self, self._pressed)


class tag_submit(spyceTagPlus):
    """`<f:submit value="..">`: a button that sends the form.

    with: 'button', the only kind; 2.1 knew the attribute. handler: what it calls before the page runs, `self.NAME` or
    `MODULE.NAME`, several with commas; such a button must stand within f:form, and has no name of its own.
    """

    name = 'submit'

    def syntax(self) -> None:
        self.syntaxSingleOnly()
        need_values(self, 'handler', 'value')
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
