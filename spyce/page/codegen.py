"""From a tree to Python text, every character of which knows the place in the page that it stands for."""

import re
from collections.abc import Collection, Mapping, Sequence

from spyce.page.book import Book, Mapped
from spyce.page.statements import Close, Line
from spyce.page.tags import TagTraits
from spyce.page.tree import (
    Code,
    Element,
    Expression,
    Init,
    LoadTags,
    TagAttribute,
    TagClose,
    TagHead,
    TagLibraryUse,
    TagOpen,
    Text,
    Unit,
)
from spyce.page.writer import Writer

# What most of a page compiles to (see glue.py): it calls what spyce/runtime/parts.py says. A page that has transforms
# escapes in line, as html_encode() does it, unless something else is to be done.
_PROLOGUE = '_spyceParts, _spyceType, _spycePlain = _spyceOutput.for_code'
_TEXT = '_spyceParts.append({text})'
_VALUE = ('_spyceValue = {value}\n'
          '_spyceParts.value(_spyceValue if _spyceType(_spyceValue) is _spycePlain else _spyceParts.text(_spyceValue))')
_ENCODED = ('_spyceValue = {value}\n'
            '_spyceParts.encoded((_spyceText if (_spyceText := _spyceParts.encode(_spyceValue)) is _spyceValue '
            """else _spyceText.replace('&#34;', '&quot;')) """
            'if _spyceType(_spyceValue) is _spycePlain else _spyceParts.other(_spyceValue))')


class _Generator:
    """Writes one unit; the parameters are those of generate()."""

    def __init__(self, unit: Unit, book: Book, export_names: Mapping[str, Sequence[str]],
                 modules: Collection[str]) -> None:
        self.unit = unit
        self.out = Writer(book)
        self._export_names = export_names
        self._modules = modules
        self._exports = 0
        self._text: list[str] = []         # static text not yet written
        self._text_at = 0
        self._value_template = _ENCODED if any(module.name == 'transform' for module in unit.imports) else _VALUE

    def run(self) -> Writer:
        out, unit = self.out, self.unit
        out.glue('class spyceImpl(*_spyceBases):' if unit.classes else 'class spyceImpl:', unit.start)
        out.enter()
        for line in unit.class_lines:
            out.code(line)
        if unit.head:
            self._tag_method(unit.head)
            return out
        comma = [Mapped.at(', ', unit.start), unit.signature] if unit.signature.text else []
        out.mixed(Mapped.at('def spyceProcess(self', unit.start), *comma, Mapped.at('):', unit.start))
        out.enter()
        self._prologue()
        self._body()
        return out

    def _body(self) -> None:
        for element in self.unit.elements:
            self._element(element)
        self._flush()

    def _tag_method(self, head: TagHead) -> None:
        """The method of a collection's tag: attributes are locals, exports go into a dict whichever way it ends."""
        out = self.out
        content = ', _content' if head.buffers else ''
        self._block(f'def spyceProcess(self, _spyceAttributes, _spyceExports{content}):', head.offset)
        self._prologue()
        for attribute in head.attributes:
            self._attribute(attribute)
        if head.rest:
            out.glue(f'{head.rest} = _spyceAttributes', head.offset)
        if not head.exports:
            self._body()
            return
        self._block('try:', head.offset)
        self._body()
        out.leave(head.offset)
        self._block('finally:', head.offset)
        for export in head.exports:
            out.glue(f'try: _spyceExports[{export.name!r}] = {export.var}', export.offset)
            out.glue('except NameError: pass', export.offset)
        out.leave(head.offset)

    def _attribute(self, attribute: TagAttribute) -> None:
        name, default, at = attribute.name, attribute.default, attribute.offset
        given = f'{name} = _spyceAttributes.pop({name.lower()!r}'
        if default is None:
            self.out.glue(f'{given})', at)
        elif isinstance(default, str):
            self.out.glue(f'{given}, {default!r})', at)
        else:
            closing = '\n)' if '#' in default.text else ')'
            self.out.mixed(Mapped.at(f'{given}) if {name.lower()!r} in _spyceAttributes else (', at), default,
                           Mapped.at(closing, default.offsets[-1]))

    def _prologue(self) -> None:
        out, unit = self.out, self.unit
        out.output(_PROLOGUE, '', unit.start)
        for name, arguments, at in unit.hoisted:
            closing = '\n)' if '#' in arguments.text else ')'
            end = arguments.offset(len(arguments.text)) if arguments.text else at
            out.mixed(Mapped.at(f'{name}.init(', at), arguments, Mapped.at(closing, end))
        for prepare in unit.prepares:
            use = prepare.library
            out.glue(f'taglib.prepare({use.name!r}, {use.file!r}, {use.prefix!r}, {prepare.tag!r}, '
                     f'{prepare.attributes!r})', prepare.offset)
        if unit.handlers:
            out.glue('_spyceWrapper.run_handlers()', unit.start)
        for use in unit.initial.values():
            self._load(use, unit.start)

    def _load(self, use: TagLibraryUse, at: int) -> None:
        self.out.glue(f'taglib.load({use.name!r}, {use.file!r}, {use.prefix!r})', at)

    def _element(self, element: Element) -> None:
        if isinstance(element, Text):
            if element.text:
                if not self._text:
                    self._text_at = element.start
                self._text.append(element.text)
            return
        self._flush()
        if isinstance(element, Expression):
            self._expression(element)
        elif isinstance(element, Code):
            self._code(element.parts)
        elif isinstance(element, Init):
            self.out.glue(f'{element.name}.init()', element.start)
        elif isinstance(element, LoadTags):
            self._load(element.use, element.start)
        elif isinstance(element, TagOpen):
            self._open_tag(element)
        elif isinstance(element, TagClose):
            self._close_tag(element.traits, element.start)

    def _expression(self, element: Expression) -> None:
        if element.call:
            at = element.code.offsets[0]
            closing = '\n)' if '#' in element.code.text else ')'
            self.out.mixed(Mapped.at('_spyceOutput.writeExpr(', at), element.code,
                           Mapped.at(closing, element.code.offsets[-1]))
        else:
            self.out.output(self._value_template, '', element.start, element.code)

    def _flush(self) -> None:
        """Write the pending text."""
        if self._text:
            self.out.output(_TEXT, ''.join(self._text), self._text_at)
            self._text = []

    def _code(self, parts: Sequence[Line | Close]) -> None:
        for part in parts:
            if isinstance(part, Close):
                self.out.leave(part.offset)
            else:
                self.out.code(part)
                if part.opens is not None:
                    self.out.enter()

    # tags: push; begin; [export; body]; end; pop, as in 2.1

    def _open_tag(self, tag: TagOpen) -> None:
        out, at = self.out, tag.start
        handlers = f', {tag.handler_id!r}, {tuple(tag.inner_handlers)!r}, {tag.is_repeated}' \
            if tag.handler_id or tag.inner_handlers or tag.traits.parts.handlers else ''
        out.glue(f'taglib.tagPush({tag.prefix!r}, {tag.name!r}, {tag.paired}{handlers})', at)
        self._block('try:', at)
        if tag.traits.catches:
            self._block('try:', at)
        for module in self._modules_in(tag):
            out.glue(f'taglib.tagModule({module!r})', at)
        begin = [Mapped.at('if taglib.tagBegin({', at)]
        for number, (name, value) in enumerate(tag.attributes.items()):
            begin.append(Mapped.at(f'{", " if number else ""}{name!r}: ', at))
            if isinstance(value, Mapped):
                closing = '\n)' if '#' in value.text else ')'
                begin += [Mapped.at('(', value.offsets[0]), value, Mapped.at(closing, value.offsets[-1])]
            else:
                begin.append(Mapped.at(repr(value), at))
        out.mixed(*begin, Mapped.at('}):', at))
        out.enter()
        if tag.traits.loops:
            self._block('while True:', at)
        if tag.traits.exports and not tag.traits.exports_last:
            self._export(at)
        if not tag.paired:
            self._close_tag(tag.traits, at)

    def _modules_in(self, tag: TagOpen) -> list[str]:
        texts = [value.text for value in tag.attributes.values() if isinstance(value, Mapped)]
        return [module for module in sorted(self._modules)
                if any(re.search(rf'\b{module}\b', text) for text in texts)]

    def _close_tag(self, traits: TagTraits, at: int) -> None:
        out = self.out
        if traits.loops:
            out.glue('if not taglib.tagBody(): break', at)
            out.leave(at)
        else:
            out.glue('taglib.tagBody()', at)
        out.leave(at)
        out.glue('taglib.tagEnd()', at)
        if traits.exports_last:
            self._export(at)
        if traits.catches:
            out.leave(at)
            out.glue('except Exception as _spyceError: taglib.tagCatch(_spyceError)', at)
        out.leave(at)
        self._block('finally:', at)
        out.glue('taglib.tagPop()', at)
        out.leave(at)

    def _export(self, at: int) -> None:
        """Set the names that a tag exports: globals, and those that the function around it binds itself."""
        exports = f'_spyceExports{self._exports}'
        self._exports += 1
        self.out.glue(f'{exports} = taglib.tagExport()', at)
        self.out.glue(f'globals().update({exports})', at)
        for name in self._export_names.get(exports, ()):
            self.out.glue(f'if {name!r} in {exports}: {name} = {exports}[{name!r}]', at)

    def _block(self, header: str, at: int) -> None:
        self.out.glue(header, at)
        self.out.enter()


def generate(unit: Unit, book: Book, export_names: Mapping[str, Sequence[str]] | None = None,
             modules: Collection[str] = ()) -> Writer:
    """The Python of a unit.

    :param export_names: for each `_spyceExportsN` the local names that may be exported.
    :param modules: names in attributes of tags that are to be Spyce modules, if there are such.
    """
    return _Generator(unit, book, export_names or {}, modules).run()
