"""From source text to a tree: text, code, tags; directives are in directives.py."""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from spyce.page import lexer
from spyce.page.attributes import Attribute, attribute_code, check_once, read_attributes
from spyce.page.book import Book, Mapped
from spyce.page.chunks import outdent
from spyce.page.directives import RunDirective, run_directive
from spyce.page.errors import PageSyntaxError, PlacedError
from spyce.page.lexer import Delimiter, mapped, next_delimiter, unescape
from spyce.page.scanner import Brackets, Token, check, checked, scan
from spyce.page.source import PageSource
from spyce.page.statements import Close, split_statements
from spyce.page.tags import (
    ClassCode,
    EnclosingTag,
    HandlerUse,
    PageParts,
    TagError,
    TagLibraries,
    TagLibraryInfo,
    TagTraits,
)
from spyce.page.tree import (
    Code,
    Element,
    Expression,
    Prepare,
    Silent,
    TagClose,
    TagLibraryUse,
    TagOpen,
    Text,
    Unit,
)

ReadInclude = Callable[[str, str], PageSource]

_TAG = re.compile(r'<(/?)([A-Za-z_][\w.-]*):([A-Za-z_][\w.-]*)')
_TAG_END = re.compile(r'(/?)>')
_REPEATS = re.compile(r'(async\s+)?(for|while|def)\b')
_MAX_NESTING = 90     # Python's own limits are 100 levels of indentation and 20 of loops and try


@dataclass
class Open:
    """A block or tag that is open: tags have a name.

    :param repeats: what is within may run more than once.
    """

    offset: int
    name: str = ''
    traits: TagTraits = TagTraits()
    attributes: dict[str, str | None] = field(default_factory=dict)
    inner_handlers: list[str] = field(default_factory=list)
    repeats: bool = False


@dataclass
class Environment:
    """What all units of one compilation share.  name: of the page within its site."""

    book: Book
    libraries: TagLibraries | None
    read_include: ReadInclude | None
    name: str = ''
    includes: int = 0
    prepares: list[Prepare] = field(default_factory=list)
    handlers: dict[str, HandlerUse] = field(default_factory=dict)
    classes: dict[ClassCode, None] = field(default_factory=dict)  # as an ordered set

    def add_parts(self, parts: PageParts, offset: int) -> None:
        """Note what the tag at `offset` brings into the page."""
        self.prepares += [replace(prepare, offset=offset) for prepare in parts.prepares]
        self.handlers.update(parts.handlers)
        self.classes.update(dict.fromkeys(parts.classes))

    def add_handlers(self, use: HandlerUse) -> str:
        """Note the handlers of a tag; returns their id.

        It stays the same while the page is edited, unless what is edited are tags with the same handlers.
        """
        alike = sum(use.names == other.names for other in self.handlers.values())
        text = '\n'.join((self.name, ','.join(use.names), str(alike)))
        handler_id = hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:16]
        self.handlers[handler_id] = use
        return handler_id


class Parser:
    """Parses one unit: a page, or the body of a lambda."""

    own_directives: ClassVar[Mapping[str, RunDirective]] = {}
    """Directives that only this kind of source has."""

    def __init__(self, environment: Environment, start: int, signature: Mapped, nesting: int = 0) -> None:
        self.environment = environment
        self.book = environment.book
        self.unit = Unit(start, signature)
        self._know(environment.libraries.initial() if environment.libraries else {})
        self.files: list[str] = []  # the files being included, outermost first
        self._open: list[Open] = []
        self._nesting = nesting
        self._is_lambda = False
        self.around: tuple[EnclosingTag, ...] = ()  # the tags around the unit
        self.ended: int | None = None  # where a directive has ended the unit

    def _know(self, prefixes: Mapping[str, TagLibraryInfo]) -> None:
        """Have these libraries from the start; the unit loads those whose tags it uses."""
        self._initial = prefixes
        self.prefixes = dict(prefixes)

    def parse(self, start: int, end: int) -> Unit:
        """Parse a whole page."""
        self.region(start, end)
        return self.finish()

    def region(self, start: int, end: int) -> None:
        """Parse a page, or what an include pastes in.

        :raises PlacedError: for a delimiter that closes nothing, and all that is wrong within.
        """
        stop = self._text(start, end)
        if stop:
            raise self._unexpected(stop)

    def finish(self) -> Unit:
        """
        :raises PlacedError: if a block or tag is still open.
        """
        if self._open:
            top = self._open[-1]
            raise PlacedError(f'unmatched open tag <{top.name}>' if top.name else "unclosed opening brace '{'",
                              top.offset)
        return self.unit

    def add(self, element: Element) -> None:
        self.unit.elements.append(element)

    def _text(self, position: int, end: int) -> Delimiter | None:
        """Parse up to a `]]` that closes nothing here, or to the end."""
        while self.ended is None:
            delimiter = next_delimiter(self.book.text, position, end)
            stop = delimiter.start if delimiter else end
            if stop > position:
                self._static(position, stop)
            if delimiter is None or delimiter.kind == 'close':
                return delimiter
            position = self._construct(delimiter, end)
        return None

    def _construct(self, opened: Delimiter, end: int) -> int:
        """Parse what a delimiter opens; returns where it ends."""
        if opened.kind == 'uncomment':
            raise self._unexpected(opened)
        if opened.kind == 'lambda':
            raise PlacedError("unexpected lambda: [[spy ...: ]] can only be used within code; for a statement that "
                              "begins with 'spy' write a blank after the '[['", opened.start)
        if opened.kind == 'comment':
            close = lexer.comment_end(self.book.text, opened.end, end)
            if close is None:
                raise PlacedError(f"unclosed comment: '{opened.text}' needs a '--]]'", opened.start)
            self.add(Silent(opened.start, close))
            return close
        code, close = self._code(opened, end)
        if not code.text.strip():
            raise PlacedError(f"empty {opened.kind}: there is nothing between '{opened.text}' and its end",
                              opened.start)
        if opened.kind == 'statement':
            self._statement(opened.start, close, code)
        elif opened.kind == 'chunk':
            self.add(Code(opened.start, close, outdent(code), chunk=True))
        elif opened.kind == 'class chunk':
            self.unit.class_lines += outdent(code)
            self.add(Silent(opened.start, close))
        elif opened.kind == 'expression':
            code = code.strip()
            self.add(Expression(opened.start, close, code, _is_call(code)))
        else:
            close = run_directive(self, opened.start, close, code)
        return close

    def _unexpected(self, delimiter: Delimiter) -> PlacedError:
        return PlacedError(f"unexpected token '{delimiter.text}': nothing is open here that it could close; as text "
                           f"it is written \\{delimiter.text[-2:]}", delimiter.start)

    # code

    def _code(self, opened: Delimiter, end: int) -> tuple[Mapped, int]:
        """The code behind an opening delimiter, with its lambdas compiled; and where its tag ends."""
        pieces: list[Mapped] = []
        position = opened.end
        while True:
            delimiter = next_delimiter(self.book.text, position, end)
            if delimiter is None:
                raise PlacedError(f"unclosed '{opened.text}': the {opened.kind} that begins here needs a ']]'",
                                  opened.start)
            pieces.append(mapped(self.book, position, delimiter.start))
            if delimiter.kind == 'close':
                return Mapped.join(pieces), delimiter.end
            if delimiter.kind != 'lambda' or opened.kind == 'directive':
                line = self.book.place(opened.start)[1]
                raise PlacedError(f"unexpected token '{delimiter.text}' within the {opened.kind} that begins in line "
                                  f"{line}: it may need its ']]', or a blank between the characters here",
                                  delimiter.start)
            position = self._lambda(delimiter, end)
            index = len(self.unit.lambdas) - 1
            memoize = delimiter.text.endswith('!')
            pieces.append(Mapped.at(f'spylambda._compiled(_spyceLambdas[{index}], {memoize})', delimiter.start))

    def _statement(self, start: int, end: int, code: Mapped) -> None:
        parts = split_statements(code)
        for part in parts:
            if isinstance(part, Close):
                if not self._open or self._open[-1].name:
                    raise PlacedError("extra close brace '}'" + (
                        f': the tag <{self._open[-1].name}> is still open' if self._open else ''), part.offset)
                self._open.pop()
            elif part.opens is not None:
                self._push(Open(part.opens, repeats=_REPEATS.match(part.code.text) is not None))
        self.add(Code(start, end, parts))

    def _push(self, opened: Open) -> None:
        if len(self._open) + self._nesting >= _MAX_NESTING:
            raise PlacedError(f'more than {_MAX_NESTING} blocks and tags within each other', opened.offset)
        self._open.append(opened)

    def _lambda(self, opened: Delimiter, end: int) -> int:
        """Parse a lambda into a unit of its own; returns where it ends."""
        if self._nesting + 10 >= _MAX_NESTING:
            raise PlacedError('too many lambdas within each other', opened.start)
        colon = self._parameters_end(opened, end)
        signature = mapped(self.book, opened.end, colon).strip()
        check(signature)
        inner = Parser(self.environment, opened.start, signature, self._nesting + 10)
        inner._is_lambda = True
        inner._know(self.prefixes)
        inner.files = self.files
        closed = inner._text(colon + 1, end)
        if closed is None:
            raise PlacedError(f"unclosed '{opened.text}': the lambda that begins here needs a ']]'", opened.start)
        if closed.start > colon + 1 and self.book.text[closed.start - 1] != '\n':
            inner._final_newline(closed.start)
        self.unit.lambdas.append(inner.finish())
        return closed.end

    def _parameters_end(self, opened: Delimiter, end: int) -> int:
        """The first colon outside brackets and strings that is no Python lambda's."""
        # Parameters rarely are long; a limit keeps the search for the colon short.
        code = self.book.piece(opened.end, min(end, opened.end + 2000))
        brackets = Brackets(code)
        lambdas = 0
        for kind, start, stop in scan(code):
            if kind == 'open':
                brackets.open(start)
            elif kind == 'close':
                if not brackets:
                    break
                brackets.close(start)
            elif kind == 'word' and code.text[start:stop] == 'lambda' and not brackets:
                lambdas += 1
            elif kind == 'colon' and not brackets:
                if not lambdas:
                    return opened.end + start
                lambdas -= 1
        raise PlacedError(f"a lambda is written '{opened.text} parameters: text ]]'; here the colon is missing",
                          opened.start)

    def _final_newline(self, offset: int) -> None:
        """A lambda's source gets a final newline, as any source (recorded case lambda-basic)."""
        last = self.unit.elements[-1] if self.unit.elements else None
        if isinstance(last, Text):
            last.text += '\n'
        else:
            self.add(Text(offset, offset, '\n'))

    # text and tags

    def _static(self, start: int, end: int) -> None:
        """Static text and the active tags in it."""
        text = self.book.text
        begin = start
        if self.prefixes:
            for match in _TAG.finditer(text, start, end):
                if match.start() < begin or match.group(2) not in self.prefixes:
                    continue
                attributes, position = read_attributes(text, match.end(), end, in_tag=True)
                tag_end = _TAG_END.match(text, position, end)
                if not tag_end or (match.group(1) and (attributes or tag_end.group(1))):
                    continue
                self._plain(begin, match.start())
                begin = tag_end.end()
                if match.group(1):
                    self._close_tag(match, begin)
                else:
                    self._open_tag(match, attributes, begin, paired=not tag_end.group(1))
        self._plain(begin, end)

    def _plain(self, start: int, end: int) -> None:
        if end > start:
            self.add(Text(start, end, unescape(self.book.text[start:end])))

    def _open_tag(self, match: re.Match[str], attributes: list[Attribute], end: int, *, paired: bool) -> None:
        prefix, name = match.group(2), match.group(3).lower()
        check_once(attributes)
        values = {attribute.name: mapped(self.book, *attribute.value) if attribute.value else None
                  for attribute in attributes}
        info = self.prefixes[prefix]
        written = {key: value.text if value else None for key, value in values.items()}
        parents = [*self.around]
        parents += [EnclosingTag(opened.name, opened.attributes) for opened in self._open if opened.name]
        try:
            traits = info.check(name, written, paired, parents)
        except TagError as error:
            raise PlacedError(str(error), match.start()) from error
        except PageSyntaxError as error:
            raise self.loaded_here(error, match.start()) from error
        if traits.pageonly and (self._is_lambda or self.unit.head):
            where = 'a lambda' if self._is_lambda else 'a tag collection'
            raise PlacedError(f'<{prefix}:{name}> belongs in the page itself, not in {where}', match.start())
        self.unit.uses_tags = True
        if self._initial.get(prefix) is info and prefix not in self.unit.initial:
            self.unit.initial[prefix] = TagLibraryUse(info.name, info.file, prefix)
            self.unit.dependencies += info.files
        python = {key: attribute_code(key, value, traits) for key, value in values.items()}
        if traits.prepares:
            # The whole file name: for a tag in a collection it is the page that calls prepare().
            use = TagLibraryUse(info.name, info.files[0] if info.files else info.file, prefix)
            self.environment.prepares.append(Prepare(use, name, written, match.start()))
        handler_id = self.environment.add_handlers(traits.handlers) if traits.handlers else ''
        self.environment.add_parts(traits.parts, match.start())
        for opened in self._open:
            opened.inner_handlers += [*([handler_id] if handler_id else []), *traits.parts.handlers]
        is_repeated = self._is_lambda or any(opened.repeats for opened in self._open)
        tag = TagOpen(match.start(), end, prefix, name, paired, traits, python, handler_id, is_repeated=is_repeated)
        if paired:
            self._push(Open(match.start(), f'{prefix}:{name}', traits, written, tag.inner_handlers, traits.loops))
        self.add(tag)

    def loaded_here(self, error: PageSyntaxError, offset: int) -> PageSyntaxError:
        """An error in a tag collection, which also tells who loads it."""
        file, line, _column = self.book.place(offset)
        message = f'{error.message} (in a tag collection that {os.path.basename(file)}:{line} loads)'
        return PageSyntaxError(message, error.file, error.line, error.column, error.text)

    def _close_tag(self, match: re.Match[str], end: int) -> None:
        name = f'{match.group(2)}:{match.group(3).lower()}'
        if not self._open or self._open[-1].name != name:
            raise PlacedError(f'unmatched close tag </{name}>' + self._still_open(), match.start())
        self.add(TagClose(match.start(), end, self._open.pop().traits))

    def _still_open(self) -> str:
        if not self._open:
            return ''
        top = self._open[-1]
        line = self.book.place(top.offset)[1]
        return f': <{top.name}> of line {line} is still open' if top.name \
            else f": the brace '{{' of line {line} is still open"


def _begins_keyword(text: str, start: int, before: list[Token]) -> bool:
    """Whether the operator at `start`, behind these two tokens, is that of `, k=v` or `, **kw`."""
    if text[start] == '=':
        return before[1][0] == 'word' and text[before[0][1]] == ','
    return text.startswith('**', start) and text[before[1][1]] == ','


def _is_call(code: Mapped) -> bool:
    """Whether an expression has keyword arguments: `x, k=v` or `x, **kw` are the arguments of response.writeExpr."""
    if ',' not in code.text:
        check(code)
        return False
    brackets = Brackets(code)
    before = [('other', 0, 0)] * 2
    for token in checked(code):
        kind, start, _end = token
        if kind in ('blank', 'newline', 'comment', 'continuation'):
            continue
        if kind == 'open':
            brackets.open(start)
        elif kind == 'close':
            brackets.close(start)
        elif not brackets and kind == 'other' and _begins_keyword(code.text, start, before):
            return True
        before = [before[1], token]
    return False
