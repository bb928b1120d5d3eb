"""Forms of an answer, as a browser would send them: for Client.press()."""
from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

UNSENT = frozenset(('submit', 'button', 'reset', 'image', 'file'))


@dataclass
class Button:
    """A button that sends its form. label: its text, or its value."""

    label: str
    name: str
    value: str


@dataclass
class Form:
    """A form: fields as they stand, in order; unchecked boxes are not among them."""

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    def sent_by(self, button: Button, fill: dict[str, object]) -> dict[str, list[str]]:
        """The fields that a browser sends when `button` is pressed; `fill`: name -> value, or a list of values, or None
        for a field that is not sent. A name that the form does not have is sent too."""
        sent: dict[str, list[str]] = {}
        for name, value in self.fields:
            if name not in fill:
                sent.setdefault(name, []).append(value)
        for name, filled in fill.items():
            if filled is not None:
                sent[name] = [str(each) for each in filled] if isinstance(filled, (list, tuple)) else [str(filled)]
        if button.name:
            sent.setdefault(button.name, []).append(button.value)
        return sent


def find_button(html: str, label: str) -> tuple[Form, Button]:
    """The first form of a document that has such a button, and the button. Raises LookupError if there is none."""
    parser = _FormParser()
    parser.feed(html)
    parser.close()
    for form in parser.forms:
        for button in form.buttons:
            if button.label == label:
                return form, button
    labels = [button.label for form in parser.forms for button in form.buttons]
    raise LookupError(f'the answer has no button {label!r}; it has {", ".join(map(repr, labels)) or "none"}')


class _FormParser(HTMLParser):
    """Collects the forms of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._text: list[str] | None = None  # of the textarea, option or button that is open
        self._open: dict[str, str | None] = {}
        self._select: str | None = None
        self._is_multiple = False
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == 'form':
            self._form = Form((attributes.get('method') or 'GET').upper(), attributes.get('action') or '')
            self.forms.append(self._form)
        elif self._form is None or 'disabled' in attributes:
            return
        elif tag == 'input':
            self._input(self._form, attributes)
        elif tag == 'select':
            self._select, self._is_multiple, self._options = attributes.get('name'), 'multiple' in attributes, []
        elif tag in ('textarea', 'option', 'button'):
            self._end_option()
            self._text, self._open = [], attributes

    def handle_endtag(self, tag: str) -> None:
        if tag == 'form':
            self._form = None
        elif self._form is None:
            return
        elif tag == 'textarea' and self._text is not None:
            self._add(self._form, self._open.get('name'), ''.join(self._text).removeprefix('\n'))
            self._text = None
        elif tag == 'button' and self._text is not None:
            if (self._open.get('type') or 'submit').lower() == 'submit':
                self._form.buttons.append(Button(' '.join(''.join(self._text).split()), self._open.get('name') or '',
                                                 self._open.get('value') or ''))
            self._text = None
        elif tag in ('option', 'select'):
            self._end_option()
            if tag == 'select':
                self._end_select(self._form)

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def _input(self, form: Form, attributes: dict[str, str | None]) -> None:
        kind = (attributes.get('type') or 'text').lower()
        name, value = attributes.get('name'), attributes.get('value')
        if kind == 'submit':
            form.buttons.append(Button(value or 'Submit', name or '', value or ''))
        elif kind in ('checkbox', 'radio'):
            if 'checked' in attributes:
                self._add(form, name, 'on' if value is None else value)
        elif kind not in UNSENT:
            self._add(form, name, value or '')

    def _end_option(self) -> None:
        if self._text is not None and self._select is not None:
            text = ' '.join(''.join(self._text).split())
            value = self._open.get('value')
            self._options.append((text if value is None else value, 'selected' in self._open))
            self._text = None

    def _end_select(self, form: Form) -> None:
        chosen = [value for value, is_selected in self._options if is_selected]
        if not chosen and self._options and not self._is_multiple:
            chosen = [self._options[0][0]]
        for value in chosen if self._is_multiple else chosen[-1:]:
            self._add(form, self._select, value)
        self._select = None

    @staticmethod
    def _add(form: Form, name: str | None, value: str) -> None:
        if name:
            form.fields.append((name, value))
