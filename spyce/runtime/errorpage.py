"""The full error page, for debug = True only: source, frames, values, the request. One page without any script."""
from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from spyce.runtime.askedfor import AskedFor
from spyce.runtime.errorstyle import STYLE
from spyce.runtime.errortext import LINKS, error_text, marked_line
from spyce.runtime.frames import Failure, Frame, Kind, examine, short_name
from spyce.runtime.values import Describer, Secrets

AROUND = 6
"""Lines of source shown before and after the failing one."""

_MAX_NAMES = 40
_NO_VALUES = (ModuleType, FunctionType, BuiltinFunctionType)

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# Of this page's own: should text ever slip through unescaped, nothing of it runs or is fetched. Scripts of the site
# itself may, since `spyce serve --dev` adds one.
_POLICY = (f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; script-src 'self'; connect-src 'self'; "
           "base-uri 'none'; form-action 'none'")

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title><style>{style}</style></head>
<body>
{body}
</body></html>
"""


def full_error_page(exception: BaseException, root: str, request: Any = None) -> str:
    """The page for an exception, with all that is known of it; secrets are masked.

    root: folder of the site; request: the raw request, None if there is none.
    """
    asked = AskedFor(request)
    chain = examine(exception, root)
    secrets = asked.secrets(chain)
    writer = _Writer(root, secrets)
    title = f'{"" if isinstance(exception, SyntaxError) else "Spyce exception: "}{_headline(chain[0], root)}'
    body = [writer.head(chain[0]), *(writer.failure(failure) for failure in chain), writer.request(asked),
            writer.plain(chain)]
    return _PAGE.format(title=writer.text(title), style=STYLE, policy=escape(_POLICY), body='\n'.join(body))


def _headline(failure: Failure, root: str) -> str:
    own = failure.own
    place = f' at {short_name(own.file, root)}:{own.line}' if own is not None else ''
    return f'{failure.kind}{place} - {failure.message}'


class _Writer:
    """Makes the parts of the page."""

    def __init__(self, root: str, secrets: Secrets) -> None:
        self._root = root
        self._secrets = secrets
        self._describer = Describer(secrets)

    def text(self, text: str) -> str:
        """Text as HTML, without secrets."""
        return escape(self._secrets.hide(text))

    def head(self, failure: Failure) -> str:
        """What happened and where, in large letters."""
        own = failure.own
        place = f'<p class="place">{self._place(own)}</p>' if own is not None else ''
        return (f'<header><p class="kind">{self.text(failure.kind)}</p>'
                f'<h1>{self.text(failure.message or failure.kind)}</h1>{place}</header>')

    def failure(self, failure: Failure) -> str:
        """One exception: the page's own line, then all frames, newest first."""
        parts = []
        if failure.link:
            parts.append(f'<h2>{escape(LINKS[failure.link])}</h2><p class="chained">'
                         f'<strong>{self.text(failure.kind)}</strong> {self.text(failure.message)}</p>')
        own = failure.own
        if own is not None:
            parts.append(self._frame(own, opened=True))
        if any(frame is not own and frame.kind is not Kind.ENGINE for frame in failure.frames):
            parts.append('<h3>The whole way, newest first</h3>')
            parts.append(self._way(list(reversed(failure.frames)), own))
        if failure.left_out:
            parts.append(f'<p>{failure.left_out} calls in the middle are left out.</p>')
        for number, member in enumerate(failure.members, 1):
            parts.append(f'<h3>{number} of {len(failure.members)} in the group</h3>'
                         f'<p class="chained"><strong>{self.text(member.kind)}</strong> {self.text(member.message)}</p>'
                         f'{self.failure(member)}')
        return f'<section>{"".join(parts)}</section>'

    def _way(self, frames: list[Frame], own: Frame | None) -> str:
        """All frames; a run of the engine's is folded into one line."""
        parts: list[str] = []
        engine: list[Frame] = []
        for frame in [*frames, None]:
            if frame is not None and frame.kind is Kind.ENGINE:
                engine.append(frame)
                continue
            if engine:
                calls = 'a call' if len(engine) == 1 else f'{len(engine)} calls'
                place = "Python's import" if all('importlib' in each.file for each in engine) else 'Spyce'
                inside = ''.join(f'<li>{self._place(each)}</li>' for each in engine)
                parts.append(f'<details class="engine"><summary>{calls} within {place}</summary><ul>{inside}</ul>'
                             '</details>')
                engine = []
            if frame is own and frame is not None:
                parts.append(f'<p class="here">{self._place(frame)} <em>shown above</em></p>')
            elif frame is not None:
                parts.append(self._frame(frame, opened=frame.kind is not Kind.LIBRARY and len(frames) < 12))
        return ''.join(parts)

    def _frame(self, frame: Frame, opened: bool) -> str:
        text = frame.text.strip()
        brief = f'<code>{_source(self._secrets.hide_code(text))}</code>' if text else ''
        return (f'<details class="frame {frame.kind.value}"{" open" if opened else ""}>'
                f'<summary>{self._place(frame)}{brief}</summary>{self._lines(frame)}{self._values(frame)}</details>')

    def _place(self, frame: Frame) -> str:
        function = f' in <strong>{escape(frame.function)}</strong>' if frame.function else ''
        return f'<span class="file">{escape(short_name(frame.file, self._root))}:{frame.line}</span>{function}'

    def _lines(self, frame: Frame) -> str:
        hide = self._secrets.hide_code  # a secret may well be a literal of the source
        lines = []
        for number, text in frame.around(AROUND):
            if number != frame.line:
                lines.append(f'<span class="line"><em>{number}</em>{_source(hide(text))}</span>')
            elif frame.span is None:
                lines.append(f'<span class="line hit"><em>{number}</em>{_source(hide(text))}</span>')
            else:
                before, failing, after, carets = marked_line(text, frame.span, hide)
                lines.append(f'<span class="line hit"><em>{number}</em>{_source(before)}<mark>{_source(failing)}</mark>'
                             f'{_source(after)}</span>'
                             f'<span class="line carets" aria-hidden="true"><em></em>{_source(carets)}</span>')
        return f'<pre class="source">{"".join(lines)}</pre>' if lines else ''

    def _values(self, frame: Frame) -> str:
        rows: list[tuple[str, str]] = []
        for name, value in frame.names.items():
            if name.startswith(('_spyce', '__')) or issubclass(type(value), _NO_VALUES) or \
                    (name == 'self' and frame.kind is Kind.PAGE and type(value).__name__ == 'spyceImpl'):
                continue
            if len(rows) == _MAX_NAMES:
                rows.append(('…', 'more names are not shown'))
                break
            rows.append((name, self._describer.named(name, value)))
        return self._table(rows, 'values')

    def _table(self, rows: Iterable[tuple[str, str]], kind: str) -> str:
        cells = ''.join(f'<tr><th>{self.text(name)}<td>{self.text(value)}' for name, value in rows)
        return f'<table class="{kind}">{cells}</table>' if cells else ''

    def request(self, asked: AskedFor) -> str:
        """Method, path, query and headers."""
        if not asked.method:
            return ''
        query = self._table(asked.query(), 'values')
        return (f'<section><h2>Request</h2><p class="chained"><strong>{self.text(asked.method)}</strong> '
                f'{self.text(asked.path)}</p>{"<h3>Query</h3>" + query if query else ""}'
                f'<h3>Headers</h3>{self._table(asked.headers(), "values")}</section>')

    def plain(self, chain: list[Failure]) -> str:
        """The same as text, to be copied."""
        text = error_text(chain, self._root, self._secrets)
        size = min(text.count('\n') + 2, 30)
        return (f'<section><details class="plain"><summary>As text, to be copied</summary><textarea readonly '
                f'rows="{size}" spellcheck="false" aria-label="The error as text">\n{_source(text)}</textarea>'
                '</details></section>')


def _source(text: str) -> str:
    """Source as HTML. Its blanks are references, so that who looks in an error page for what the page would have
    printed does not find it in the source (recorded case error-default-page)."""
    return escape(text).replace(' ', '&#32;')
