"""From a tree to Python text, every character of which knows the place in the page that it stands for."""

import re
from collections.abc import Collection, Mapping, Sequence

from spyce.page.book import Book, Mapped
from spyce.page.glue import Glue
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

Ref = tuple[tuple[int, int], tuple[int, int], str, str]

_INDENT = '    '

# What most of a page compiles to (see glue.py).
_PROLOGUE = '''_spyceAppend = _spyceOutput.parts.append
_spyceFilters = _spyceOutput.filters
_spyceExprs = _spyceOutput.exprs
_spyceStr, _spycePlain = _spyceOutput.text, str'''
_TEXT = '''if _spyceFilters: _spyceOutput.writeStatic({text})
else: _spyceAppend({text})'''
_VALUE = '''_spyceValue = {value}
if _spyceExprs: _spyceOutput.emit(_spyceValue)
else: _spyceAppend(_spyceValue if _spyceValue.__class__ is _spycePlain else _spyceStr(_spyceValue))'''
_VALUE_AND_TEXT = '''_spyceValue = {value}
if _spyceExprs: _spyceOutput.emit(_spyceValue, {text})
else: _spyceAppend(_spyceValue if _spyceValue.__class__ is _spycePlain else _spyceStr(_spyceValue)); _spyceAppend({text})'''


class Writer:
    """Python text in lines.

    It is written twice, line for line: as it is shown, and as it is parsed, with an offset of the book for each
    character; there statements that are made from templates are left out, but for the page's own code in them.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._shown: list[str] = []
        self._parsed: list[str] = []
        self.offsets: list[int] = []
        self.glues: dict[int, Glue] = {}  # by the line where they begin, in place of the statement there
        self.refs: dict[int, Ref] = {}
        self.longest = (0, 0)  # length and offset of the longest line of the page's code
        self.lines = 0
        self.depth = 0
        self.empty = [False]  # for each open block whether it has no statement yet

    def text(self) -> str:
        """The text as it is shown."""
        return ''.join(self._shown)

    def parsed(self) -> str:
        """The text to parse."""
        return ''.join(self._parsed)

    def glue(self, text: str, at: int) -> None:
        """A line of the engine's own, standing for one place."""
        self._put(_INDENT * self.depth + text + '\n', at)
        self.lines += 1
        self.empty[-1] = False

    def mixed(self, *pieces: Mapped) -> None:
        """A line made of pieces."""
        first = next((piece.offsets[0] for piece in pieces if piece.offsets), 0)
        self._put(_INDENT * self.depth, first)
        last = first
        for piece in pieces:
            self._add(piece)
            self.lines += piece.text.count('\n')
            last = piece.offset(len(piece.text)) if piece.text else last
        self._put('\n', last)
        self.lines += 1
        self.empty[-1] = False

    def code(self, line: Line) -> None:
        """A line of the page's own code."""
        text = line.code.text
        if not text and not line.raw:
            return
        begin = line.code.offset(0)
        if text:
            self._refer(line.code)
        if not line.raw:
            self._put(_INDENT * self.depth, begin)
        self._add(line.code)
        self._put('\n', line.code.offset(len(text)))
        self.lines += text.count('\n') + 1
        if not line.comment:
            self.empty[-1] = False

    def output(self, template: str, text: str, at: int, code: Mapped | None = None) -> None:
        """Statements from a template (see glue.py).

        :param code: the page's code in it, in its first line; without such, all of it stands for the place `at`.
        """
        indent = _INDENT * self.depth
        value, end = '', at
        self._put_parsed(indent, at)
        if code:
            self._refer(code)
            at, end = code.offsets[0], code.offsets[-1]
            closing = '\n)' if '#' in code.text else ')'
            value = f'({code.text}{closing}'
            self._parsed += ('(', code.text, closing)
            self.offsets += (at, *code.offsets, *[end] * len(closing))
        else:
            self._put_parsed('0', at)
        self.glues[self.lines + 1] = Glue(template, text, at, end)
        shown = indent + template.replace('\n', '\n' + indent).format(value=value, text=repr(text)) + '\n'
        self._shown.append(shown)
        self._put_parsed('\n' * (template.count('\n') + 1), end)
        self.lines += template.count('\n') + 1 + value.count('\n')
        self.empty[-1] = False

    def enter(self) -> None:
        self.depth += 1
        self.empty.append(True)

    def leave(self, at: int) -> None:
        """End a block; a block needs a statement."""
        if self.empty[-1]:
            self.glue('pass', at)
        self.empty.pop()
        self.depth -= 1

    def _put(self, text: str, at: int) -> None:
        self._shown.append(text)
        self._put_parsed(text, at)

    def _put_parsed(self, text: str, at: int) -> None:
        self._parsed.append(text)
        self.offsets += [at] * len(text)

    def _add(self, piece: Mapped) -> None:
        self._shown.append(piece.text)
        self._parsed.append(piece.text)
        self.offsets += piece.offsets

    def _refer(self, code: Mapped) -> None:
        self.longest = max(self.longest, (len(code.text), code.offsets[0]))
        file, line, column = self._book.place(code.offsets[0])
        _file, end_line, end_column = self._book.place(code.offsets[-1])
        self.refs[self.lines + 1] = ((line, column - 1), (end_line, end_column), code.text, file)


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
        self._value: Expression | None = None  # an expression whose value is not yet written

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
        elif isinstance(element, Expression):
            self._flush()
            self._expression(element)
        elif isinstance(element, Code):
            self._flush()
            self._code(element.parts)
        elif isinstance(element, Init):
            self._flush()
            self.out.glue(f'{element.name}.init()', element.start)
        elif isinstance(element, LoadTags):
            self._flush()
            self._load(element.use, element.start)
        elif isinstance(element, TagOpen):
            self._flush()
            self._open_tag(element)
        elif isinstance(element, TagClose):
            self._flush()
            self._close_tag(element.traits, element.start)

    def _expression(self, element: Expression) -> None:
        if element.call:
            at = element.code.offsets[0]
            closing = '\n)' if '#' in element.code.text else ')'
            self.out.mixed(Mapped.at('_spyceOutput.writeExpr(', at), element.code,
                           Mapped.at(closing, element.code.offsets[-1]))
        else:
            self._value = element

    def _flush(self) -> None:
        """Write the pending expression and text: one truth test for both."""
        text = ''.join(self._text)
        value = self._value
        self._text = []
        self._value = None
        if value:
            self.out.output(_VALUE_AND_TEXT if text else _VALUE, text, value.start, value.code)
        elif text:
            self.out.output(_TEXT, text, self._text_at)

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
