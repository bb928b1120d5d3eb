"""The module `template`: Jinja2 templates in a page (manual: template module). 2.1 had Cheetah in this place."""
from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.exceptions import SpyceError
from spyce.runtime.paths import PathRefused, url_to_file

try:
    import jinja2
except ImportError as error:
    raise SpyceError("the module template needs Jinja2: pip install 'spyce-session[template]'") from error

TEMPLATES = ('.html', '.htm', '.j2', '.jinja', '.jinja2', '.svg', '.tmpl', '.txt', '.xml')
"""What may be a template: never a program, a configuration or a database, whatever name a page is made to ask for."""

PLAIN = '.txt'
"""In templates of this kind values are printed as they are; in all others they are made safe for HTML."""


class template(spyceModule):
    """`[[= template.render('row.html', title='Tea') ]]`: a template with the variables of the page.

    A template sees the names that the page has where the call stands, modules included, but none that begins with an
    underscore; names given in the call come first. A name that nobody has is an error, as it was in Cheetah.
    """

    def start(self) -> None:
        server = self._api.getServer()
        if not hasattr(server.serverobject, 'template_environment'):
            server.serverobject.template_environment = _Environment(server.config)
        self._environment: _Environment = server.serverobject.template_environment

    def render(self, file: str, /, **names: Any) -> str:
        """The text of a template file.

        file: a url, relative to this page or with a leading slash to the root, as for include.spyce. Raises SpyceError
        for a file that lies elsewhere or is no template; jinja2.TemplateNotFound, TemplateSyntaxError, UndefinedError.
        """
        return self._file(file).render(self._names(), **names)

    def string(self, source: str, /, **names: Any) -> str:
        """The text of a template that is given as text; other templates it names are relative to this page."""
        return self._environment.of_source(source, self._current_file()).render(self._names(), **names)

    def cheetah(self, file: str, lookup: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None) -> str:
        """2.1's call: the text of a template file. The template itself must be written anew, for Jinja2.

        lookup: a dictionary to find names in, or several, of which the first that has a name counts; by default the
        names of the page.
        """
        if lookup is None:
            return self._file(file).render(self._names())
        names: dict[str, Any] = {}
        for dictionary in reversed([lookup] if isinstance(lookup, Mapping) else list(lookup)):
            names.update(dictionary)
        return self._file(file).render(names)

    def _file(self, url: str) -> jinja2.Template:
        return self._environment.get_template(self._environment.join_path(url, self._current_file()))

    def _current_file(self) -> str:
        file: str = self._api.getStack()[-1]
        return file

    def _names(self) -> dict[str, Any]:
        """The names seen from the nearest caller that is code of a page: of this one, or of one that it includes."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and '_spyceWrapper' not in frame.f_globals:
            frame = frame.f_back
        seen = self._api.getGlobals() if frame is None else {**frame.f_globals, **frame.f_locals}
        return {name: value for name, value in seen.items() if not name.startswith('_') and name != 'self'}


class _Environment(jinja2.Environment):
    """Jinja2 for one server. The name of a template is its real path, which join_path() has checked."""

    def __init__(self, config: Any) -> None:
        super().__init__(loader=_Loader(config.encoding), autoescape=_is_escaped, undefined=jinja2.StrictUndefined,
                         auto_reload=bool(config.check_mtime), keep_trailing_newline=True)
        self._root = config.root

    def join_path(self, template: str, parent: str) -> str:
        """The template that the file `parent` calls `template`, in include, extends and import too."""
        try:
            path = url_to_file(template, self._root, parent)
        except PathRefused as error:
            raise SpyceError(f'template: {error}') from error
        if not path.lower().endswith(TEMPLATES) or _is_hidden(path, os.path.realpath(self._root)):
            raise SpyceError(f'template: {template!r} is not a template: its name must end in {", ".join(TEMPLATES)}')
        return path

    def of_source(self, source: str, file: str) -> jinja2.Template:
        """The template `source` that stands in `file`."""
        # Not from_string(): that has no name, and so no place for the templates that it includes.
        return jinja2.Template.from_code(self, self.compile(source, file), self.make_globals(None))


class _Loader(jinja2.BaseLoader):
    """Reads templates; a template is stale when its file has another time or size than at the reading."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            with open(template, encoding=self._encoding) as file:
                stamp = _stamp(os.fstat(file.fileno()))
                source = file.read()
        except FileNotFoundError:
            name = os.path.basename(template)
            raise jinja2.TemplateNotFound(name, f'template: there is no file {name}') from None
        except OSError as error:
            raise SpyceError(f'template: {os.path.basename(template)} cannot be read: {error.strerror}') from error
        return source, template, lambda: _is_as_it_was(template, stamp)


def _is_escaped(name: str | None) -> bool:
    return name is None or not name.lower().endswith(PLAIN)


def _is_hidden(path: str, root: str) -> bool:
    """Whether a name on the way from the root begins with a dot."""
    return any(name.startswith('.') and name != '..' for name in os.path.relpath(path, root).split(os.sep))


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _is_as_it_was(file: str, stamp: tuple[int, int, int]) -> bool:
    try:
        return _stamp(os.stat(file)) == stamp
    except OSError:
        return False
