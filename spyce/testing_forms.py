"""Forms of an answer, as a browser would send them: for Client.press()."""
from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import NamedTuple

UNSENT = frozenset(('submit', 'button', 'reset', 'image', 'file'))

_LINE_END = re.compile('\r\n|\r|\n')

Attributes = dict[str, 'str | None']


@dataclass
class Button:
    """A button that sends its form. label: its text, or its value; method, action: in the place of the form's."""

    label: str
    name: str
    value: str
    method: str | None = None
    action: str | None = None


@dataclass
class Form:
    """A form: fields as they stand, in order; unchecked boxes are not among them."""

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    def sent_by(self, button: Button, fill: dict[str, object]) -> dict[str, list[str]]:
        """The fields that a browser sends when `button` is pressed; `fill`: name -> value, or a list of values, or None
        for a field that is not sent. A name that the form does not have is sent too. Lines end in CR LF."""
        sent: dict[str, list[str]] = {}
        for name, value in self.fields:
            if name not in fill:
                sent.setdefault(name, []).append(value)
        for name, filled in fill.items():
            if filled is not None:
                sent[name] = [str(each) for each in filled] if isinstance(filled, (list, tuple)) else [str(filled)]
        if button.name:
            sent.setdefault(button.name, []).append(button.value)
        return {name: [_LINE_END.sub('\r\n', value) for value in values] for name, values in sent.items()}


def find_button(html: str, label: str) -> tuple[Form, Button]:
    """The first form of a document that has such a button, with method and action that the button gives it, and the
    button. White space in labels does not count. Raises LookupError if there is none."""
    parser = _FormParser()
    parser.feed(_LINE_END.sub('\n', html))
    parser.close()
    forms = parser.forms()
    for form in forms:
        for button in form.buttons:
            if button.label == _plain(label):
                method = form.method if button.method is None else button.method.upper()
                return replace(form, method=method, action=button.action or form.action), button
    labels = [button.label for form in forms for button in form.buttons]
    raise LookupError(f'the answer has no button {label!r}; it has {", ".join(map(repr, labels)) or "none"}')


def _plain(label: str) -> str:
    return ' '.join(label.split())


@dataclass
class _Fieldset:
    """A fieldset that is open. What stands in its first legend is enabled even if it is not."""

    is_disabled: bool
    legends: int = 0
    in_first_legend: bool = False


class _Option(NamedTuple):
    """An option of the select that is open."""

    value: str
    is_selected: bool
    is_disabled: bool


class _FormParser(HTMLParser):
    """Collects the forms of a document, and what stands in them or says by `form=` that it belongs to one."""

    def __init__(self) -> None:
        super().__init__()
        self._forms: list[Form] = []
        self._ids: dict[str, Form] = {}
        self._controls: list[tuple[Form | str | None, Button | tuple[str, str]]] = []  # each with its form, or the id
        self._form: Form | None = None
        self._fieldsets: list[_Fieldset] = []
        self._text: list[str] | None = None  # of the textarea, option or button that is open
        self._open: Attributes = {}
        self._select: Attributes | None = None
        self._is_group_disabled = False
        self._options: list[_Option] = []

    def forms(self) -> list[Form]:
        """The forms, with their fields and buttons."""
        for owner, control in self._controls:
            form = self._ids.get(owner) if isinstance(owner, str) else owner
            if form is None:
                continue
            if isinstance(control, Button):
                form.buttons.append(control)
            else:
                form.fields.append(control)
        return self._forms

    # -- tags --------------------------------------------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == 'form' and self._form is None:
            self._form = Form((attributes.get('method') or 'GET').upper(), attributes.get('action') or '')
            self._forms.append(self._form)
            if attributes.get('id'):
                self._ids.setdefault(str(attributes['id']), self._form)
        elif tag == 'fieldset':
            self._fieldsets.append(_Fieldset('disabled' in attributes))
        elif tag == 'legend' and self._fieldsets:
            self._fieldsets[-1].legends += 1
            self._fieldsets[-1].in_first_legend = self._fieldsets[-1].legends == 1
        elif tag == 'input':
            self._input(attributes)
        elif tag == 'select':
            self._select, self._options, self._is_group_disabled = attributes, [], False
        elif tag == 'optgroup':
            self._end_option()
            self._is_group_disabled = 'disabled' in attributes
        elif tag in ('textarea', 'option', 'button'):
            self._end_option()
            self._text, self._open = [], attributes

    def handle_endtag(self, tag: str) -> None:
        if tag == 'form':
            self._form = None
        elif tag == 'fieldset' and self._fieldsets:
            self._fieldsets.pop()
        elif tag == 'legend' and self._fieldsets:
            self._fieldsets[-1].in_first_legend = False
        elif tag == 'textarea' and self._text is not None:
            self._add_field(self._open, ''.join(self._text).removeprefix('\n'))
            self._text = None
        elif tag == 'button' and self._text is not None:
            if (self._open.get('type') or 'submit').lower() == 'submit':
                self._add_button(self._open, ''.join(self._text), self._open.get('value') or '')
            self._text = None
        elif tag in ('option', 'optgroup', 'select'):
            self._end_option()
            if tag == 'optgroup':
                self._is_group_disabled = False
            elif tag == 'select':
                self._end_select()

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    # -- fields and buttons ------------------------------------------------------------------------------------------

    def _input(self, attributes: Attributes) -> None:
        kind = (attributes.get('type') or 'text').lower()
        value = attributes.get('value')
        if kind == 'submit':
            self._add_button(attributes, value or 'Submit', value or '')
        elif kind in ('checkbox', 'radio'):
            if 'checked' in attributes:
                self._add_field(attributes, 'on' if value is None else value)
        elif kind not in UNSENT:
            self._add_field(attributes, value or '')

    def _end_option(self) -> None:
        if self._text is None or self._select is None:
            return
        text, self._text = _plain(''.join(self._text)), None
        value = self._open.get('value')
        self._options.append(_Option(text if value is None else value, 'selected' in self._open,
                                     'disabled' in self._open or self._is_group_disabled))

    def _end_select(self) -> None:
        attributes, self._select = self._select or {}, None
        chosen = [option for option in self._options if option.is_selected]
        if 'multiple' not in attributes:
            chosen = chosen[-1:] or [option for option in self._options if not option.is_disabled][:1]
        for option in chosen:
            if not option.is_disabled:
                self._add_field(attributes, option.value)

    def _add_field(self, attributes: Attributes, value: str) -> None:
        name = attributes.get('name')
        if name:
            self._add(attributes, (name, value))

    def _add_button(self, attributes: Attributes, label: str, value: str) -> None:
        self._add(attributes, Button(_plain(label), attributes.get('name') or '', value, attributes.get('formmethod'),
                                     attributes.get('formaction')))

    def _add(self, attributes: Attributes, control: Button | tuple[str, str]) -> None:
        is_disabled = 'disabled' in attributes or any(
            fieldset.is_disabled and not fieldset.in_first_legend for fieldset in self._fieldsets)
        if not is_disabled:
            owner = attributes['form'] or '' if 'form' in attributes else self._form
            self._controls.append((owner, control))
