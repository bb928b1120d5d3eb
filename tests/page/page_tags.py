"""A tag library for compiler tests: it checks what it is told to, and its tags write what happens."""

from collections.abc import Mapping, Sequence
from typing import Any

from spyce.page import TagError, TagTraits
from spyce.page.tags import EnclosingTag

TRAITS = {
    'hello': TagTraits(), 'bold': TagTraits(), 'frame': TagTraits(mustend=True), 'upper': TagTraits(buffer=True),
    'times': TagTraits(loops=True), 'when': TagTraits(conditional=True), 'safe': TagTraits(catches=True),
    'let': TagTraits(exports=True), 'each': TagTraits(loops=True, conditional=True, exports=True),
    'list': TagTraits(evaluated=frozenset(['data'])),
}


class Info:
    name: str | None = 'lib'
    file: str | None = 'lib.py'
    files = ('/site/lib.py',)

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.seen: list[tuple[str, dict[str, str | None], bool, list[str]]] = []

    def check(self, tag: str, attributes: Mapping[str, str | None], paired: bool,
              parents: Sequence[EnclosingTag]) -> TagTraits:
        self.seen.append((tag, dict(attributes), paired, [parent.name for parent in parents]))
        if tag not in TRAITS:
            raise TagError(f"unknown tag '{tag}'")
        if tag == 'let' and 'var' not in attributes:
            raise TagError("tag 'let' needs the attribute 'var'")
        return TRAITS[tag]


class Libraries:
    def __init__(self, *initial: str) -> None:
        self._initial = {prefix: Info(prefix) for prefix in initial}
        self.loaded: list[Info] = []

    def load(self, name: str | None, file: str | None, prefix: str | None, page_file: str) -> Info:
        if name == 'missing':
            raise TagError("tag library 'missing' was not found")
        info = Info(prefix or name or '')
        self.loaded.append(info)
        return info

    def initial(self) -> Mapping[str, Info]:
        return self._initial


class Taglib:
    """The page's module `taglib`: writes into `out` and keeps a log of the calls."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._stack: list[dict[str, Any]] = []
        self.log: list[str] = []

    def load(self, name: str | None, file: str | None, prefix: str) -> None:
        self.log.append(f'load {name} {file} {prefix}')

    def tagPush(self, prefix: str, name: str, paired: bool) -> None:  # noqa: N802
        self._stack.append({'name': name, 'paired': paired})
        self.log.append(f'push {prefix}:{name} {paired}')

    def tagBegin(self, attributes: dict[str, Any]) -> bool:  # noqa: N802
        tag = self._stack[-1]
        tag.update(attributes, mark=len(self._out.parts))
        if tag['name'] == 'each':
            tag['todo'] = list(attributes['items'])
            return bool(tag['todo'])
        if tag['name'] == 'hello':
            self._out.write('hello ' + str(attributes.get('who', 'world')))
        if tag['name'] == 'list':
            self._out.write(repr(attributes['data']))
        return tag['name'] != 'when' or bool(attributes['test'])

    def tagExport(self) -> dict[str, Any]:  # noqa: N802
        tag = self._stack[-1]
        return {tag['var']: tag['todo'][0] if tag['name'] == 'each' else tag['val']}

    def tagBody(self) -> bool:  # noqa: N802
        tag = self._stack[-1]
        self.log.append('body ' + tag['name'])
        if tag['name'] == 'upper':
            text = ''.join(self._out.parts[tag['mark']:]).upper()
            del self._out.parts[tag['mark']:]
            self._out.write(text)
        if tag['name'] == 'each':
            del tag['todo'][0]
            return bool(tag['todo'])
        if tag['name'] == 'times':
            tag['n'] = int(tag['n']) - 1
            return bool(tag['n'] > 0)
        return False

    def tagEnd(self) -> None:  # noqa: N802
        self.log.append('end ' + self._stack[-1]['name'])

    def tagCatch(self, error: Exception) -> None:  # noqa: N802
        self._out.write(f'(caught {error})')

    def tagPop(self) -> None:  # noqa: N802
        self.log.append('pop ' + self._stack.pop()['name'])
