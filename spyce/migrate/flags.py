"""What only a human can decide when a site moves to Python 3: found in the tree, each with what to do."""
from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from fissix.fixer_util import syms
from fissix.pgen2 import token

from spyce.migrate.fixers import Note, imports_string
from spyce.migrate.trees import arguments, dotted, first_leaf, imported_modules

_SUBPROCESS = 'it is gone: use subprocess'

MODULES = {
    'md5': 'the module is gone: hashlib.md5(data), where data are bytes',
    'sha': 'the module is gone: hashlib.sha1(data), where data are bytes',
    'sets': 'the module is gone: set and frozenset are builtins',
    'popen2': 'the module is gone: use subprocess',
    'rfc822': 'the module is gone: use email',
    'mimetools': 'the module is gone: use email',
    'MimeWriter': 'the module is gone: use email',
    'mimify': 'the module is gone: use email',
    'user': 'the module is gone',
    'new': 'the module is gone: use types',
    'exceptions': 'the module is gone: exceptions are builtins; remove the import',
    'compiler': 'the module is gone: use ast',
    'cgi': 'Python 3.13 has no cgi: html.escape(x, quote=False) for cgi.escape(x), urllib.parse.parse_qs, and the '
           'module request for what a form sends',
    'imp': 'Python 3.12 has no imp: use importlib',
    'bsddb': 'the module is gone: sessions use DbmStore; else use sqlite3 or dbm',
    'sqlalchemy.ext.sqlsoup': 'SqlSoup is gone: from spyce.db import open_db; db = open_db(url) gives tables by name',
    'sqlsoup': 'SqlSoup is gone: from spyce.db import open_db; db = open_db(url) gives tables by name',
    'Cheetah': 'Cheetah is gone: the module template uses Jinja2; its templates must be written anew',
    'Cheetah.Template': 'Cheetah is gone: the module template uses Jinja2; its templates must be written anew',
    'mod_python': 'mod_python is gone: serve the site through WSGI (mod_wsgi, gunicorn), and use the module request',
    'spyceCache': 'the engine keeps compiled pages itself, and offers its caches to nobody: use functools.lru_cache',
    'spyceWWW': 'the web server of 2.1 is gone: serve with `spyce serve` or a WSGI server',
    'spyceCGI': 'CGI is answered by `spyce cgi`',
    'spyceModpy': 'mod_python is gone: serve the site through WSGI',
    'spyceCmd': 'pages are run by `spyce render`',
}
"""Modules that are gone, and what to do."""

NAMES = {
    'cgi.escape': 'it is gone: html.escape(x, quote=False), after import html',
    'cgi.parse_qs': 'it is gone: urllib.parse.parse_qs',
    'cgi.FieldStorage': 'it is gone: use the module request',
    'string.maketrans': 'it is gone: str.maketrans',
    'os.popen2': _SUBPROCESS, 'os.popen3': _SUBPROCESS, 'os.popen4': _SUBPROCESS,
    'os.errno': 'it is gone: import errno',
    'os.tmpnam': 'it is gone: use tempfile', 'os.tempnam': 'it is gone: use tempfile',
    'time.clock': 'it is gone: time.perf_counter() or time.process_time()',
    'sys.setdefaultencoding': 'it is gone: text is str, and pages are sent as UTF-8; remove the line',
    'base64.encodestring': 'it is gone: base64.encodebytes, which takes and gives bytes',
    'base64.decodestring': 'it is gone: base64.decodebytes, which takes and gives bytes',
    'inspect.getargspec': 'it is gone: inspect.signature',
    'sys.exc_clear': 'it is gone: an except block forgets its exception at its end',
    'types.ClassType': 'it is gone: every class is a type', 'types.InstanceType': 'it is gone: use isinstance()',
    'spyceUtil.ThreadedWriter': 'it is gone: print and sys.stdout go to the page of the thread by themselves',
}
"""Names in modules that are gone, and what to do."""

METHODS = {
    '__cmp__': 'Python 3 does not call it: write __eq__ and __lt__, with functools.total_ordering',
    '__coerce__': 'Python 3 does not call it',
    '__div__': 'Python 3 calls __truediv__ and __floordiv__',
    '__getslice__': 'Python 3 calls __getitem__ with a slice',
    '__setslice__': 'Python 3 calls __setitem__ with a slice',
    '__delslice__': 'Python 3 calls __delitem__ with a slice',
    '__unicode__': 'Python 3 calls __str__',
    '__hex__': 'Python 3 calls __index__', '__oct__': 'Python 3 calls __index__',
}
"""Special methods that Python 3 does not call."""

BUILTINS = {
    'cmp': 'Python 3 has no cmp(): compare with (a > b) - (a < b), or sort by a key',
    'coerce': 'Python 3 has no coerce()',
    'buffer': 'Python 3 has no buffer(): use memoryview',
    'input': 'input() gives text in Python 3 and evaluates nothing',
}
HANDLERS = {
    'session_gdbm': 'the handler is gone: use session_dir, or the module session with its stores',
    'session_bsddb': 'the handler is gone: use session_dir, or the module session with its stores',
}
_BINARY_CODECS = frozenset({'hex', 'base64', 'zlib', 'bz2', 'rot13', 'string_escape', 'uu', 'quopri'})
_DIVISION = 'between integers this gave an integer in Python 2 and gives a float now: write // if that is meant, ' \
            'float(x) / y or x / 2.0 if not'


def flags(tree: Any, *, likely: bool, own_modules: Collection[str] = ()) -> Iterator[Note]:
    """What a human has to decide about a module.

    :param likely: tell, too, what may be as it was meant.
    """
    yield from _modules(tree, own_modules)
    bound = tree.bound_names
    is_string = imports_string(tree)
    for node in tree.pre_order():
        if node.type == syms.power:
            yield from _power(node, bound, is_string, likely)
        elif node.type == syms.funcdef and node.children[1].value in METHODS:
            name = node.children[1]
            yield Note.at(name, f'{name.value}: {METHODS[name.value]}')
        elif node.type == syms.except_clause and len(node.children) > 1 and node.children[1].type == token.STRING:
            yield Note.at(node, 'string exceptions are gone: make a class that derives from Exception, raise it, and '
                                'catch it here')
        elif node.type == syms.raise_stmt and _is_text(node.children[1]):
            yield Note.at(node, 'string exceptions are gone: make a class that derives from Exception, and raise it')
        elif node.type == syms.exec_stmt and len(node.children) == 2:
            yield Note.at(node, 'exec() binds no names of the page or function around it any more: '
                                'exec(code, names), and names["x"]')
        elif node.type == token.STRING and node.value.strip('\'"') in HANDLERS:
            yield Note.at(node, f"{node.value}: {HANDLERS[node.value.strip(chr(39) + chr(34))]}")
        elif likely and node.type in (token.SLASH, token.SLASHEQUAL) and _may_be_of_integers(tree, node):
            yield Note.at(node, _DIVISION)


def _modules(tree: Any, own_modules: Collection[str]) -> Iterator[Note]:
    for name, node in imported_modules(tree):
        if name in MODULES and name.partition('.')[0] not in own_modules:
            yield Note.at(node, f'import of {name}: {MODULES[name]}')
        if name == 'string' and node.parent.type == syms.import_from:
            gone = [leaf for leaf in node.parent.leaves() if leaf.value in
                    ('join', 'split', 'lower', 'upper', 'strip', 'replace', 'find', 'atoi', 'letters', 'maketrans')]
            for leaf in gone:
                yield Note.at(leaf, f'string.{leaf.value} is gone: text has methods for it')


def _power(node: Any, bound: Collection[str], is_string: bool, likely: bool) -> Iterator[Note]:
    name = dotted(node)
    for known in (name, name.rpartition('.')[0]):
        if known in NAMES and (not known.startswith('string.') or is_string):
            yield Note.at(node, f'{known}: {NAMES[known]}')
    calls = [child for child in node.children[1:]
             if child.type == syms.trailer and child.children[0].type == token.LPAR]
    if not calls:
        return
    first = node.children[0]
    if first.type == token.NAME and node.children[1] is calls[0] and first.value in BUILTINS \
            and first.value not in bound and (first.value != 'input' or likely):
        yield Note.at(first, BUILTINS[first.value])
    if first.type == token.NAME and first.value == 'unicode' and node.children[1] is calls[0] \
            and len(arguments(calls[0])) > 1:
        yield Note.at(first, 'str(x, encoding) takes bytes only: drop it for what is text already, as what the '
                             'module request gives')
    if name.startswith('string.') and is_string and not _is_plain(calls[0]):
        yield Note.at(node, f'{name}: it is a method of text now, and these arguments are not plain')
    if likely:
        yield from _codecs(node)
        if name.startswith('hashlib.') and any(each.type != token.STRING or each.value[0] not in 'bB'
                                               for each in arguments(calls[0])):
            yield Note.at(node, f'{name} takes bytes: {name}(text.encode("utf-8"))')


def _is_text(node: Any) -> bool:
    """Whether an expression is a string literal, or one with % or +."""
    return first_leaf(node).type == token.STRING and node.type in (token.STRING, syms.term, syms.arith_expr)


def _is_plain(call: Any) -> bool:
    return all(argument.type != syms.argument for argument in arguments(call))


def _codecs(node: Any) -> Iterator[Note]:
    """x.decode(..), x.encode('hex')."""
    for method, call in zip(node.children[1:], node.children[2:], strict=False):
        if method.type != syms.trailer or method.children[0].type != token.DOT or call.type != syms.trailer \
                or call.children[0].type != token.LPAR:
            continue
        name = method.children[1].value
        given = [str(each).strip().strip('\'"').lower() for each in arguments(call)[:1]]
        if name in ('encode', 'decode') and given and given[0] in _BINARY_CODECS:
            yield Note.at(method.children[1], f'{name}({given[0]!r}) is gone from text: use codecs.{name}, '
                                              'binascii or base64, with bytes')
        elif name == 'decode':
            yield Note.at(method.children[1], 'text has no decode() in Python 3: only bytes have; what the module '
                                              'request gives is text')
        elif name == 'encode':
            yield Note.at(method.children[1], 'encode() gives bytes, which a page prints as b\'..\': text goes to '
                                              'the page as it is')


def _may_be_of_integers(tree: Any, operator: Any) -> bool:
    if 'division' in tree.future_features:
        return False
    siblings = operator.parent.children
    index = siblings.index(operator)
    if index == 1 and operator.parent.type == syms.term and all(
            each.type == token.NUMBER and each.value.isdigit() for each in (siblings[0], siblings[2])):
        return False  # converted
    return not any(map(_is_float, siblings[:index + 2]))


def _is_float(node: Any) -> bool:
    if node.type == token.NUMBER:
        return not re.fullmatch(r'0[xXoObB]\w+|[0-9]+[lL]?', node.value)
    if node.type == syms.power:
        return bool(getattr(node.children[0], 'value', '') == 'float')
    if node.type == syms.atom and len(node.children) == 3:
        inside = node.children[1]
        return _is_float(inside) or any(map(_is_float, inside.children))
    return False


