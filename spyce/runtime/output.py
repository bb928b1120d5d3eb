"""The output of one request: one list of text for its whole life, captures as marks into it, and the filter chain.

Generated code binds `parts` once and puts text there directly. So the list is never replaced, only emptied in place,
and whatever must see each write (a filter, unbuffered output) gives it another class (parts.py). Of filters one kind is
so common that it has a path of its own: a transform of expressions only.
"""
from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from spyce.runtime.escaping import html_encode, text
from spyce.runtime.parts import ChangedParts, EncodedParts, FilteredParts, Parts

PAGE_LEVEL = 20
"""Filters here belong to the source that sets them: transforms."""


class RawResponse(Protocol):
    """What Output needs of the raw response."""

    def write(self, s: str) -> None: ...
    def flush(self, stopFlag: int = 0) -> None: ...


class FilterLike(Protocol):
    """A filter of the output (reference 4): each method passes on to the next filter."""

    def setNext(self, filter: Any) -> None: ...
    def write(self, s: str) -> None: ...
    def writeStatic(self, s: str) -> None: ...
    def writeExpr(self, o: object, **kw: Any) -> None: ...
    def flush(self, stopFlag: int = 0) -> None: ...
    def clear(self) -> None: ...


class ExprFilter(FilterLike, Protocol):
    """A filter that may be one of values of expressions only."""

    def only_exprs(self) -> Callable[..., str] | None:
        """The function from a value and keyword arguments to text that the filter is; None if it is more than that."""


class Sink:
    """The end of the filter chain: text that arrives here is output."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def setNext(self, filter: Any) -> None:
        raise TypeError('nothing can follow the end of the filter chain')

    def write(self, s: str) -> None:
        self._output.append(s)

    writeStatic = write

    def writeExpr(self, o: object, **kw: Any) -> None:
        self._output.append(text(o))

    def flush(self, stopFlag: int = 0) -> None:
        self._output.send(stopFlag)

    def clear(self) -> None:
        self._output.discard()


class Output:
    """All that one request prints, in order, until it is sent."""

    def __init__(self, response: RawResponse) -> None:
        self.parts = Parts()
        self.for_code = (self.parts, type, str)  # what generated code binds
        self.filters: list[FilterLike] = []
        self.redirected: Any = None  # a file object put in place of stdout by a module (setStdout)
        self.marks: list[int] = []  # where in `parts` the open captures begin, the outermost first
        self.is_surrounded = False  # whether a parent template may follow, so that nothing can be sent yet
        self._body_depth = 0  # of `marks`, those that are the page's own body, and around it
        self._levels: tuple[tuple[int, FilterLike], ...] = ()
        self._replaceable: dict[int, FilterLike] = {}  # those of replace_filter()
        self._unbuffered = False
        self._complete = False
        self.response = response

    # -- the three channels ------------------------------------------------------------------------------------

    def write(self, s: object) -> None:
        """Dynamic output: response.write and print. Bytes go out as they are, past the filters."""
        if type(s) is not str:
            if isinstance(s, bytes):
                self.parts.put(s)  # hand_over() and pop() know
                return
            if not isinstance(s, str) or not issubclass(type(s), str):  # a proxy of a str says that it is one
                s = text(s)
        if self.filters:
            self.filters[0].write(s)
        else:
            self.parts.put(s)

    def writeStatic(self, s: str) -> None:
        """Text of the page."""
        if self.filters:
            self.filters[0].writeStatic(s)
        else:
            self.append(s)

    def writeExpr(self, o: object, **kw: Any) -> None:
        """The value of an expression tag, with its keyword arguments, which only filters see."""
        if self.filters:
            self.filters[0].writeExpr(o, **kw)
        else:
            change = self.parts.seen_by
            self.parts.put(text(o) if change is None else change(o, **kw))

    # -- captures ----------------------------------------------------------------------------------------------

    def push(self) -> None:
        """Start a capture; captures nest."""
        self.marks.append(len(self.parts))

    def pop(self) -> str:
        """End the innermost capture and return its text. Raises IndexError if there is none."""
        if len(self.marks) <= self._body_depth:
            raise IndexError('stdout.pop() without a stdout.push() before it')
        mark = self.marks.pop()
        captured = self.parts[mark:]
        del self.parts[mark:]
        return _joined(captured)

    def take(self) -> str:
        """Take away all that was printed."""
        taken = _joined(self.parts[:])
        self.parts.clear()
        return taken

    @property
    def in_body(self) -> bool:
        """Whether a page is running that a parent template may surround."""
        return self._body_depth > 0

    def begin_body(self) -> None:
        """Capture what a page prints: a parent template may surround it."""
        self.push()
        self._body_depth = len(self.marks)
        self.is_surrounded = True

    def end_body(self, taken: bool) -> str | None:
        """End it. Its text is returned if it is to be `taken`, else it stays where it is."""
        self.drop_captures(self._body_depth)
        self._body_depth = 0
        self.is_surrounded = taken
        if taken:
            return self.pop()
        self.marks.pop()
        return None

    @property
    def depth(self) -> int:
        """The number of open captures."""
        return len(self.marks)

    def capture(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> tuple[Any, str]:
        """Call a function and capture what it prints: (its result, its text). If it raises, the text is lost."""
        self.push()
        depth = self.depth
        try:
            result = function(*args, **kwargs)
        except BaseException:
            self.drop_captures(depth - 1)
            raise
        self.drop_captures(depth)
        return result, self.pop()

    def drop_captures(self, depth: int = 0) -> None:
        """End captures, and lose their text, until `depth` are left (recorded case stdout-unpopped)."""
        while len(self.marks) > depth:
            del self.parts[self.marks.pop():]
        if self._body_depth > depth:
            self._body_depth = 0

    # -- filters -----------------------------------------------------------------------------------------------

    def add_filter(self, level: int, filter: FilterLike) -> None:
        """Put a filter into the chain; low levels see output first."""
        self._levels += ((level, filter),)
        if len(self._levels) > 1:
            self._levels = tuple(sorted(self._levels, key=lambda entry: entry[0]))
        self.link()

    def replace_filter(self, level: int, filter: FilterLike | None) -> FilterLike | None:
        """Put a filter in the place of the one that was put here in this way, which is returned; None: of no other."""
        former = self._replaceable.pop(level, None)
        if former is not None:
            self.remove_filter(former)
        if filter is not None:
            self._replaceable[level] = filter
            self.add_filter(level, filter)
        return former

    def remove_filter(self, filter: FilterLike) -> None:
        """Take a filter out of the chain; one that is not there is fine."""
        self._levels = tuple([entry for entry in self._levels if entry[1] is not filter])
        self.link()

    @contextlib.contextmanager
    def without_filters_of_page(self) -> Iterator[None]:
        """Set the filters at PAGE_LEVEL aside, while source runs that is not the page's own."""
        aside = [entry for entry in self._levels if entry[0] == PAGE_LEVEL]
        for _, filter in aside:
            self.remove_filter(filter)
        try:
            yield
        finally:
            for level, filter in aside:
                self.add_filter(level, filter)

    def clear_filters(self) -> None:
        """Remove all filters."""
        if self._levels:
            self._levels = ()
            self._replaceable.clear()
            self.link()

    @property
    def is_filtered(self) -> bool:
        """Whether anything stands between what a page prints and its output."""
        return type(self.parts) is not Parts

    def link(self) -> None:
        """Make the chain; to be called when a filter in it has come to do something else."""
        chain: list[FilterLike] = [filter for _, filter in self._levels]
        function = None
        if len(chain) == 1 and not self._unbuffered and hasattr(chain[0], 'only_exprs'):
            function = chain[0].only_exprs()
        if function is not None:
            self.parts.become(EncodedParts if function is html_encode else ChangedParts, function)
            chain = []
        elif chain or self._unbuffered:
            chain.append(Sink(self))
            self.parts.become(FilteredParts, chain[0])
        else:
            self.parts.become(Parts)
        for filter, following in zip(chain, chain[1:]):  # noqa: B905  one shorter on purpose
            filter.setNext(following)
        self.filters = chain

    # -- towards the client ------------------------------------------------------------------------------------

    def append(self, s: str) -> None:
        """Text that has passed all filters."""
        self.parts.put(s if isinstance(s, str) else text(s))
        if self._unbuffered and not self.marks:
            self.send()

    def flush(self, stop: int = 0) -> None:
        """Send headers and what is there, through the filters, which may hold some back."""
        if self.filters:
            self.filters[0].flush(stop)
        else:
            self.send(stop)

    def send(self, stop: int = 0) -> None:
        """Hand what is not being captured to the raw response, and flush that."""
        self.hand_over()
        if not self._complete:
            self.response.flush(stop)

    def complete(self) -> None:
        """The page has ended: let the filters give what they hold back. Sending is then the caller's part."""
        self._complete = True
        if self.filters:
            self.filters[0].flush(1)

    def hand_over(self) -> None:
        """Move what is not being captured into the raw response, without sending it yet."""
        ready = self.parts[:self.marks[0] if self.marks else None]  # a plain list, which join() wants
        if not ready:
            return
        try:
            self.response.write(''.join(ready))
        except TypeError:  # there are bytes among the text
            for part in ready:
                self.response.write(part)
        end = len(ready)
        del self.parts[:end]
        self.marks = [mark - end for mark in self.marks]

    def unbuffer(self) -> None:
        """From now on send each write at once."""
        self._unbuffered = True
        self.link()
        self.send()

    def clear(self) -> None:
        """Drop what was printed and not yet sent; within a capture, what it holds."""
        if self.filters:
            self.filters[0].clear()
        else:
            self.discard()

    def discard(self) -> None:
        """Drop the text of the innermost capture, or all that was not sent."""
        del self.parts[self.marks[-1] if self.marks else 0:]

    def begin_page(self) -> None:
        """Another page is to run: what is there stays, and nothing else of the one before."""
        self.marks.clear()
        self.clear_filters()
        self.redirected = None
        self.is_surrounded = False
        self._body_depth = 0

    def reset(self, depth: int = 0) -> None:
        """Back to the state at the start of the request, for another page; but `depth` captures stay open, empty."""
        self.parts.clear()
        self.begin_page()
        self.marks += [0] * depth


def _joined(captured: list[str]) -> str:
    try:
        return ''.join(captured)
    except TypeError:
        raise TypeError('bytes were written while the output was captured; a capture gives text') from None
