"""The module `toc`: a document in sections, with numbers and a table of contents (1.3 manual: TOC module).

    [[.import name=toc]]
    [[\
    def heading(depth, tag, numbering, data):
        print(f'<h{depth} id="{tag}">{".".join(map(str, numbering))} {data}</h{depth}>')
    toc.setDOC_START(heading)
    toc.showTOC()
    ]]
    [[ toc.l1('Tea', 'tea') ]] Leaves in water.
    [[ toc.l2('Green tea') ]] Not too hot; see section [[= toc.getNumbering('jam') ]].
    [[ toc.l1('Jam', 'jam') ]] Fruit and sugar.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partialmethod
from html import escape
from typing import Any
from urllib.parse import quote

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.exceptions import SpyceError
from spyce.runtime.handler import AGAIN

ROOT = 'root'

Callback = Callable[[int, str, 'list[int] | None', Any], object]


class _Section:
    """A section; the root of the document is one, of depth 0."""

    def __init__(self, parent: _Section | None, tag: str, numbering: list[int] | None, data: Any) -> None:
        self.parent = parent
        self.children: list[_Section] = []
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.tag = tag
        self.numbering = numbering
        self.data = data
        self.index = 0


class _Document:
    """What a page has said of itself, so far or when it ran before."""

    def __init__(self) -> None:
        self.root = _Section(None, ROOT, [], None)
        self.sections = [self.root]  # as they follow each other
        self.by_tag = {ROOT: self.root}

    def add(self, parent: _Section, tag: str, numbering: list[int] | None, data: Any) -> _Section:
        section = _Section(parent, tag, numbering, data)
        section.index = len(self.sections)
        parent.children.append(section)
        self.sections.append(section)
        self.by_tag[tag] = section
        return section

    def outline(self) -> list[tuple[int, str, list[int] | None, Any]]:
        """All that can be seen of it, for comparison."""
        return [(section.depth, section.tag, section.numbering, section.data) for section in self.sections]

    def beside(self, tag: str, step: int) -> str | None:
        """The tag of the section that follows (step 1) or precedes (-1) in reading order."""
        section = self.by_tag.get(tag)
        if section is None:
            return None
        index = section.index + step
        return self.sections[index].tag if 0 <= index < len(self.sections) else None


class toc(spyceModule):
    """Functions that begin and end sections, call back what the page has set for that, and tell of other sections.

    What a page asks of sections that are still to come is answered from the last time that it ran. If the end of the
    page shows an answer to have been wrong, the page runs a second time, in the same request, before anything is
    sent; not if it was flushed. So what a page with a table of contents does, it may do twice.

    Callbacks are called as f(depth, tag, numbering, data), and print; what they print of `data` they must escape.
    """

    def start(self) -> None:
        self._document = _Document()
        self._section = self._document.root
        self._last_number = [0]  # of each open depth, the last one used in it
        self._automatic_tags = 0
        self._callbacks: dict[str, Callback] = {}
        self._asked: list[tuple[Callable[[_Document], Any], Any]] = []
        file, remembered = self._api.getFilename(), _documents(self._api)
        state = self._api.getRequest().state
        self._before: _Document = state.get(('toc', file)) or remembered.get(file) or _Document()

    def finish(self, theError: Any = None) -> None:
        """Remember the document, and have the page run again if it told its reader what is not so."""
        if theError is not None:
            return
        file, state = self._api.getFilename(), self._api.getRequest().state
        _documents(self._api)[file] = self._document
        if ('toc', file) not in state and any(question(self._document) != answer for question, answer in self._asked):
            state[AGAIN] = True
        state['toc', file] = self._document

    # -- sections --------------------------------------------------------------------------------------------------

    def begin(self, data: Any, tag: str | None = None, number: int = 1) -> None:
        """Begin a section within the current one.

        data: what callbacks get, such as its title; tag: its name, made up if none is given; number: false for a
        section without a number.
        """
        self._emit('DOC_PUSH', self._section)
        self._last_number.append(0)
        self._open(self._section, data, tag, number)

    def next(self, data: Any, tag: str | None = None, number: int = 1) -> None:
        """End the current section and begin another one beside it. Raises SpyceError if none has begun."""
        parent = self._parent('next')
        self._emit('DOC_END', self._section)
        self._open(parent, data, tag, number)

    def end(self) -> None:
        """End the current section. Raises SpyceError if none has begun."""
        parent = self._parent('end')
        self._emit('DOC_END', self._section)
        self._last_number.pop()
        self._section = parent
        self._emit('DOC_POP', parent)

    b, n, e = begin, next, end

    def anchor(self, data: Any, tag: str = ROOT) -> None:
        """Give the document as a whole data and a tag."""
        root = self._document.root
        root.data, root.tag = data, tag
        self._document.by_tag[tag] = root

    def level(self, depth: int, data: Any, tag: str | None = None) -> None:
        """Begin a section of this depth, 1 for a chapter, after what ends and begins are missing for that.

        l1(data, tag) to l9(data, tag) do so for depth 1 to 9.
        """
        if depth < 1:
            raise ValueError(f'toc.level({depth!r}): sections have depths from 1 on')
        while self._section.depth > depth:
            self.end()
        if self._section.depth == depth:
            self.next(data, tag)
            return
        while self._section.depth < depth - 1:
            self.begin(None)
        self.begin(data, tag)

    l1 = partialmethod(level, 1)
    l2 = partialmethod(level, 2)
    l3 = partialmethod(level, 3)
    l4 = partialmethod(level, 4)
    l5 = partialmethod(level, 5)
    l6 = partialmethod(level, 6)
    l7 = partialmethod(level, 7)
    l8 = partialmethod(level, 8)
    l9 = partialmethod(level, 9)

    def _open(self, parent: _Section, data: Any, tag: str | None, number: int) -> None:
        if not tag:
            tag = f'auto_{self._automatic_tags}'
            self._automatic_tags += 1
        if number:
            self._last_number[-1] += 1
        numbering = self._last_number[1:] if number else None
        self._section = self._document.add(parent, tag, numbering, data)
        self._emit('DOC_START', self._section)

    def _parent(self, name: str) -> _Section:
        if self._section.parent is None:
            raise SpyceError(f'toc.{name}(): no section has begun; call begin() or l1() first')
        return self._section.parent

    # -- what sections there are -----------------------------------------------------------------------------------

    def getTag(self) -> str:
        """The tag of the current section; 'root' before the first one."""
        return self._section.tag

    def getNumbering(self, tag: str | None = None) -> list[int] | None:
        """The number of a section, such as [2, 1], by default of the current one; None if there is none."""
        numbering: list[int] | None = self._attribute('numbering', tag)
        return None if numbering is None else list(numbering)

    def getData(self, tag: str | None = None) -> Any:
        """The data of a section, by default of the current one; None if there is no such section."""
        return self._attribute('data', tag)

    def getDepth(self, tag: str | None = None) -> int | None:
        """The depth of a section, by default of the current one, 0 for the document; None if there is no such one."""
        depth: int | None = self._attribute('depth', tag)
        return depth

    def getNextTag(self, tag: str | None = None) -> str | None:
        """The tag of the section that follows, at whatever depth; None after the last one."""
        tag = tag or self._section.tag
        following: str | None = self._ask(lambda document: document.beside(tag, 1))
        return following

    def getPrevTag(self, tag: str | None = None) -> str | None:
        """The tag of the section before, at whatever depth; None before the document itself."""
        tag = tag or self._section.tag
        previous: str | None = self._find(tag, lambda document: document.beside(tag, -1))
        return previous

    def getParentTag(self, tag: str | None = None) -> str | None:
        """The tag of the section that a section stands in; None for the document itself."""
        tag = tag or self._section.tag
        parent: _Section | None = self._attribute('parent', tag)
        return parent.tag if parent else None

    def getChildrenTags(self, tag: str | None = None) -> list[str] | None:
        """The tags of the sections that stand directly in a section; None if there is no such section."""
        tag = tag or self._section.tag

        def children(document: _Document) -> list[str] | None:
            section = document.by_tag.get(tag)
            return None if section is None else [child.tag for child in section.children]

        tags: list[str] | None = self._ask(children)
        return tags

    def _attribute(self, name: str, tag: str | None) -> Any:
        """What never changes once a section has begun."""
        if not tag:
            return getattr(self._section, name)
        return self._find(tag, lambda document: getattr(document.by_tag.get(tag), name, None))

    def _find(self, tag: str, question: Callable[[_Document], Any]) -> Any:
        """Ask about a section: this document, if it has it already."""
        return question(self._document) if tag in self._document.by_tag else self._ask(question)

    def _ask(self, question: Callable[[_Document], Any]) -> Any:
        """Ask the document as it was, and remember to ask again at the end."""
        answer = question(self._before)
        self._asked.append((question, answer))
        return answer

    # -- what is printed -------------------------------------------------------------------------------------------

    def showTOC(self) -> None:
        """Print the table of contents of the whole document, by the TOC callbacks.

        For each section, the document first, ENTRY is called; if it has sections in it, PUSH, then these, then POP.
        Without any TOC callback it is a nested list of links to the tags, escaped for HTML.
        """
        self._ask(_Document.outline)
        own = any(name.startswith('TOC_') for name in self._callbacks)
        self._show(self._before.root, self._callbacks if own else self._default_callbacks())

    def _show(self, section: _Section, callbacks: dict[str, Callback]) -> None:
        self._emit('TOC_ENTRY', section, callbacks)
        if section.children:
            self._emit('TOC_PUSH', section, callbacks)
            for child in section.children:
                self._show(child, callbacks)
            self._emit('TOC_POP', section, callbacks)

    def _default_callbacks(self) -> dict[str, Callback]:
        write = self._api.output.writeStatic  # past transforms of what code writes: it is markup
        return {'TOC_ENTRY': lambda *section: write(_entry(*section)),
                'TOC_PUSH': lambda *section: write('<ul>\n'), 'TOC_POP': lambda *section: write('</ul>\n')}

    def setDOC_PUSH(self, f: Callback | None) -> None:
        """Call `f` with a section before the first section in it begins."""
        self._set('DOC_PUSH', f)

    def setDOC_POP(self, f: Callback | None) -> None:
        """Call `f` with a section after the last section in it has ended."""
        self._set('DOC_POP', f)

    def setDOC_START(self, f: Callback | None) -> None:
        """Call `f` with a section when it begins."""
        self._set('DOC_START', f)

    def setDOC_END(self, f: Callback | None) -> None:
        """Call `f` with a section when it ends."""
        self._set('DOC_END', f)

    def setTOC_PUSH(self, f: Callback | None) -> None:
        """Call `f` with a section before those in it, in the table of contents."""
        self._set('TOC_PUSH', f)

    def setTOC_POP(self, f: Callback | None) -> None:
        """Call `f` with a section after those in it, in the table of contents."""
        self._set('TOC_POP', f)

    def setTOC_ENTRY(self, f: Callback | None) -> None:
        """Call `f` with a section, in the table of contents."""
        self._set('TOC_ENTRY', f)

    def _set(self, name: str, f: Callback | None) -> None:
        if f is None:
            self._callbacks.pop(name, None)
        elif callable(f):
            self._callbacks[name] = f
        else:
            raise TypeError(f'toc.set{name}(f): a function of depth, tag, numbering and data, not {f!r}')

    def _emit(self, name: str, section: _Section, callbacks: dict[str, Callback] | None = None) -> None:
        f = (self._callbacks if callbacks is None else callbacks).get(name)
        if f is not None:
            f(section.depth, section.tag, section.numbering, section.data)


def _documents(api: Any) -> dict[str, _Document]:
    """The documents of the pages of a server, by file, as these ran last."""
    documents: dict[str, _Document] = vars(api.getServerObject()).setdefault('toc', {})
    return documents


def _entry(depth: int, tag: str, numbering: list[int] | None, data: Any) -> str:
    """A line of the table of contents, without the end of the list item, which HTML lets be left out."""
    if depth == 0:
        return ''
    number = ''.join(f'{part}.' for part in numbering or [])
    title = ' '.join(filter(None, (number, '' if data is None else escape(str(data)))))
    return f'<li><a href="#{quote(tag)}">{title}</a>\n'
