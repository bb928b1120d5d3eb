"""The fields of a form: tags of the library `form` that take and show again what a visitor enters (reference 9).

What a field shows is its value, else what was sent for its name (in the query, then in the body), else its default.
A name may end in conversions, as in `x:int`; the HTML has it in full. The id is the name unless it is given. All
that is written is escaped for where it stands; attributes that a tag does not know go into the HTML.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape, unescape
from typing import Any, ClassVar

from spyce.tags.attributes import attribute_text, need_values
from spyce.tags.dates import iso_date, strptime_format

from spyce.legacy.spyceTag import spyceTagPlus
from spyce.runtime.conversions import split_name
from spyce.runtime.exceptions import SpyceError


def _as_text(value: object) -> str:
    return '' if value is None else str(value)


def _as_texts(values: object) -> list[str]:
    """One value, or the values of a list or another iterable, as text: what is sent is text too."""
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
        return [_as_text(value) for value in values]
    return [_as_text(values)]


def _escaped(text: object) -> str:
    return escape(str(text), quote=False)


class Field(spyceTagPlus):
    """What all fields have in common."""

    says: ClassVar[tuple[str, ...]] = ('id', 'value', 'default', 'selected', 'label', 'format', 'data')
    """Attributes that do not stand alone, as a flag does."""

    def syntax(self) -> None:
        """A field has a name."""
        self.syntaxNonEmpty('name')
        need_values(self, *self.says)

    def write(self, html: str) -> None:
        """Write to the page, as it is."""
        self.getOut().write(html)

    def sent(self, name: str) -> list[str] | None:
        """The values sent for this name, from the query or else from the body; None if there are none.

        None, too, in a form that begins anew.
        """
        if getattr(self.getParent('form'), 'begins_anew', False):
            return None
        return self.getModule('request').getpost(name)  # type: ignore[no-any-return]

    def shown(self, name: str, value: object, default: object) -> object:
        """What the field shows: the value, else the first that was sent, else the default."""
        if value is not None:
            return value
        sent = self.sent(name)
        return sent[0] if sent else default

    def sent_choices(self, name: str) -> list[str] | None:
        """As sent(), for fields of which a browser sends nothing if nothing is chosen."""
        sent = self.sent(name)
        return [] if sent is None and getattr(self.getParent('form'), 'was_sent', False) else sent

    def chosen(self, name: str, selected: object, default: object) -> list[str]:
        """What is chosen of several: `selected`, else all that was sent, else the default; each may be a list."""
        given = (values for values in (selected, self.sent_choices(name), default) if values is not None)
        return _as_texts(next(given, ()))

    def write_label(self, label: object, id: object) -> None:
        """Write the label of the field, if it has one."""
        if label is not None:
            self.write(f'<label{attribute_text({"for": id})}>{_escaped(label)}</label> ')

    def write_input(self, name: str, id: object, value: object, others: dict[str, Any]) -> None:
        """Write the field as an <input>; the tags are named after its types."""
        type = self.name.removesuffix('list')
        attributes = {'type': type, 'name': name, 'id': id, 'value': _as_text(value), **self.mark(name), **others}
        self.write(f'<input{attribute_text(attributes)}>')

    def mark(self, name: str) -> dict[str, str]:
        """The attribute of a field that a handler has complained of."""
        invalid: frozenset[str] = getattr(self.getParent('form'), 'invalid', frozenset())
        return {'aria-invalid': 'true'} if invalid and split_name(name)[0].lower() in invalid else {}

    def pairs(self, data: Iterable[object]) -> Iterator[tuple[object, str]]:
        """The pairs (text, value) of `data`. Raises SpyceError for what is none."""
        for item in data:
            if not isinstance(item, (tuple, list)) or len(item) != 2:
                raise SpyceError(f'data of <{self.getFullId()}> must be pairs (text, value); one item is {item!r}')
            yield item[0], _as_text(item[1])


class _Single(Field):
    """A field without contents."""

    def syntax(self) -> None:
        super().syntax()
        self.syntaxSingleOnly()


class tag_hidden(_Single):
    """`<f:hidden name=".." value="..">`: a field that is not seen."""

    name = 'hidden'

    def begin(self, name: str, value: object = None, default: object = None, **kwargs: Any) -> None:
        form = self.getParent('form')
        if value is not None and hasattr(form, 'see_hidden'):
            form.see_hidden(name, str(value))
        self.write_input(name, kwargs.pop('id', name), self.shown(name, value, default), kwargs)


class tag_text(_Single):
    """`<f:text name=".." default=".." label="..">`: a line of text; type="email" and others of HTML can be given."""

    name = 'text'

    def begin(self, name: str, value: object = None, default: object = None, label: object = None,
              **kwargs: Any) -> None:
        id = kwargs.pop('id', name)
        self.write_label(label, id)
        self.write_input(name, id, self.shown(name, value, default), kwargs)


class tag_password(tag_text):
    """`<f:password name="..">`: what was sent is never shown again; the default is shown until something was sent."""

    name = 'password'

    def shown(self, name: str, value: object, default: object) -> object:
        return value if value is not None or self.sent(name) else default


class tag_date(_Single):
    """`<f:date name=".." format="MM/dd/yyyy">`: a day, chosen in the browser's own calendar.

    value, default and what was sent may be a date, a datetime, text like 2024-12-31, or text in `format`.

    The page and its handlers get text like 2024-12-31, since that is what browsers send whatever they display; 2.1,
    whose calendar was a script, sent text in `format`. A page that takes MM/dd/yyyy apart reads the field with
    datetime.date.fromisoformat() instead, or has an f:text in its place. `size` is not needed any more.
    """

    name = 'date'
    format = 'MM/dd/yyyy'

    def syntax(self) -> None:
        super().syntax()
        format = self.getAttributes().get('format')
        if format is not None and not format.startswith('='):
            strptime_format(format)

    def begin(self, name: str, value: object = None, default: object = None, size: object = None,
              format: str | None = None, label: object = None, **kwargs: Any) -> None:
        directives = strptime_format(self.format if format is None else format)
        id = kwargs.pop('id', name)
        self.write_label(label, id)
        day = self.shown(name, value, default)
        self.write_input(name, id, None if day is None else iso_date(day, directives), kwargs)


class tag_textarea(Field):
    """`<f:textarea name="..">text</f:textarea>`: several lines.

    They are the value, else what was sent, else the default or the contents of the tag. The contents are HTML as in
    <textarea>: references such as &lt; are understood, anything else is text.
    """

    name = 'textarea'
    buffer = 1

    def begin(self, name: str, default: object = None, value: object = None, rows: object = None,
              cols: object = None, label: object = None, **kwargs: Any) -> None:
        id = kwargs.pop('id', name)
        self.write_label(label, id)
        sizes = {key: number for key, number in (('rows', rows), ('cols', cols)) if number is not None}
        self._attribute_text = attribute_text({'name': name, 'id': id, **sizes, **self.mark(name), **kwargs})
        self._value = self.shown(name, value, default)

    def body(self, contents: str | None) -> None:
        text = unescape(contents or '')
        if self._value is not None:
            text = str(self._value)
            if text.startswith(('\n', '\r')):
                text = '\n' + text  # browsers drop a newline that follows the open tag
        self.write(f'<textarea{self._attribute_text}>{_escaped(text)}</textarea>')


class _Box(_Single):
    """A field that can be checked."""

    def write_box(self, name: str, id: object, value: str, label: object, checked: bool,
                  others: dict[str, Any]) -> None:
        """Write the field, and its label behind it."""
        self.write_input(name, id, value, {**({'CHECKED': True} if checked else {}), **others})
        self.write_label(label, id)


class tag_radio(_Box):
    """`<f:radio name=".." value="..">`: one choice of those with the same name.

    It is checked if `checked` says so, else if its value was sent, else, when nothing was sent for its name, if
    `default` says so.
    """

    name = 'radio'
    says = ('id', 'value', 'label')

    def begin(self, name: str, value: object, checked: object = False, default: object = False,
              label: object = None, **kwargs: Any) -> None:
        text = _as_text(value)
        sent = self.sent_choices(name)
        is_checked = bool(checked) or (bool(default) if sent is None else text in sent)
        self.write_box(name, kwargs.pop('id', name), text, label, is_checked, kwargs)


class tag_checkbox(tag_radio):
    """`<f:checkbox name=".." value="..">`: like f:radio, but several may be checked."""

    name = 'checkbox'


class tag_radiolist(_Box):
    """`<f:radiolist name=".." data="PYTHON">`: a choice for each pair (text, value) of data.

    Other attributes go into the <div> around the choices.
    """

    name = 'radiolist'

    def begin(self, name: str, data: Iterable[object], selected: object = None, default: object = None,
              **kwargs: Any) -> None:
        id = kwargs.pop('id', name)
        chosen = self.chosen(name, selected, default)
        self.write(f'<div{attribute_text({"id": id, **kwargs})}>')
        for number, (text, value) in enumerate(self.pairs(data)):
            self.write('<p>')
            self.write_box(name, f'{id}{number}', value, text, value in chosen, {})
            self.write('</p>')
        self.write('</div>')


class tag_checkboxlist(tag_radiolist):
    """`<f:checkboxlist name=".." data="PYTHON">`: like f:radiolist, but several may be checked."""

    name = 'checkboxlist'


class tag_select(Field):
    """`<f:select name=".." data="PYTHON">`: choices in a list: pairs (text, value) of data, f:option tags, or both.

    `selected` and `default` are the value of an option, or several.
    """

    name = 'select'

    def begin(self, name: str, multiple: object = False, data: Iterable[object] | None = None,
              selected: object = None, default: object = None, label: object = None, **kwargs: Any) -> None:
        id = kwargs.pop('id', name)
        self.write_label(label, id)
        several = {'MULTIPLE': True} if multiple else {}
        self.write(f'<select{attribute_text({"name": name, "id": id, **several, **self.mark(name), **kwargs})}>')
        self._is_decided = selected is not None or self.sent_choices(name) is not None
        self._chosen = self.chosen(name, selected, default)
        for text, value in self.pairs(data or ()):
            mark = ' selected' if value in self._chosen else ''
            self.write(f'<option{attribute_text({"value": value})}{mark}>{_escaped(text)}</option>')

    def end(self) -> None:
        self.write('</select>')

    def is_chosen(self, value: str, default: bool) -> bool:
        """Whether the option with this value is chosen; `default` counts if nothing else was given or sent."""
        return value in self._chosen or (default and not self._is_decided)


class tag_option(spyceTagPlus):
    """`<f:option value="..">text</f:option>` within f:select; the text may be an attribute.

    It is chosen if `selected` says so, else as the f:select and what was sent have it, else if `default` says so.
    """

    name = 'option'
    buffer = 1

    def syntax(self) -> None:
        self.parentRequired('select')
        need_values(self, 'text', 'value')

    def begin(self, text: object = None, value: object = None, selected: object = False, default: object = False,
              **kwargs: Any) -> None:
        self._text, self._value, self._others = text, value, kwargs
        self._is_selected, self._is_default = bool(selected), bool(default)

    def body(self, contents: str | None) -> None:
        text = unescape(contents or '') if self._text is None else str(self._text)
        value = ' '.join(text.split()) if self._value is None else str(self._value)
        attributes: dict[str, Any] = {} if self._value is None else {'value': value}
        if self._is_selected or self._select().is_chosen(value, self._is_default):
            attributes['SELECTED'] = True
        self.getOut().write(f'<option {attribute_text({**attributes, **self._others})}>{_escaped(text)}</option>')

    def _select(self) -> tag_select:
        """The f:select around it; a tag collection may have another tag of that name. Raises SpyceError."""
        tag = self.getParent('select')
        while tag is not None and not isinstance(tag, tag_select):
            tag = tag.getParent('select')
        if tag is None:
            raise SpyceError(f'<{self.getFullId()}> must stand within <{self._prefix}:select>; around the contents of '
                             'a tag that buffers them a select comes too late')
        return tag
