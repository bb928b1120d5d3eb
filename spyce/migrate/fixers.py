"""Which of fissix's conversions a site needs, and those that it lacks."""
from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from fissix.fixer_base import BaseFix
from fissix.fixer_util import Call, Dot, Leaf, Name, Node, syms, token
from fissix.fixes import (
    fix_apply,
    fix_asserts,
    fix_dict,
    fix_except,
    fix_exec,
    fix_execfile,
    fix_exitfunc,
    fix_filter,
    fix_funcattrs,
    fix_getcwdu,
    fix_has_key,
    fix_imports,
    fix_imports2,
    fix_intern,
    fix_isinstance,
    fix_itertools,
    fix_itertools_imports,
    fix_map,
    fix_metaclass,
    fix_methodattrs,
    fix_ne,
    fix_next,
    fix_nonzero,
    fix_numliterals,
    fix_operator,
    fix_paren,
    fix_print,
    fix_raise,
    fix_raw_input,
    fix_reduce,
    fix_reload,
    fix_renames,
    fix_repr,
    fix_sorted,
    fix_standarderror,
    fix_sys_exc,
    fix_throw,
    fix_tuple_params,
    fix_types,
    fix_urllib,
    fix_xrange,
    fix_xreadlines,
    fix_zip,
)

from spyce.migrate.trees import arguments, first_leaf


class Note(NamedTuple):
    """What a human has to decide or do, at a place of a text: line from 1, column from 0."""

    line: int
    column: int
    message: str

    @classmethod
    def at(cls, node: Any, message: str) -> Note:
        leaf = first_leaf(node)
        return cls(leaf.lineno or 1, leaf.column or 0, message)


def _unless_bound(fixer: type[Any], name: str) -> type[Any]:
    """The fixer, for modules that do not bind the builtin name themselves."""

    def start_tree(self: Any, tree: Any, filename: str) -> None:
        fixer.start_tree(self, tree, filename)
        self.is_bound = name in tree.bound_names

    def match(self: Any, node: Any) -> Any:
        return not self.is_bound and fixer.match(self, node)

    return type(fixer.__name__, (fixer,), {'start_tree': start_tree, 'match': match})


class _Fix(BaseFix):  # type: ignore[misc]
    BM_compatible = True

    def start_tree(self, tree: Any, filename: str) -> None:
        super().start_tree(tree, filename)
        self.bound = tree.bound_names


class _BuiltinNames(_Fix):
    """Names of Python 2 whose meaning has another name."""

    names = {'unicode': 'str', 'basestring': 'str', 'long': 'int', 'unichr': 'chr'}
    PATTERN = ' | '.join(map(repr, names))

    def transform(self, node: Any, results: Any) -> Any:
        before, parent = node.prev_sibling, node.parent
        is_attribute = before is not None and before.type == token.DOT
        is_keyword = parent.type == syms.argument and node is parent.children[0] and len(parent.children) > 1 \
            and parent.children[1].type == token.EQUAL
        if node.value in self.bound or is_attribute or is_keyword:
            return None
        return Name(self.names[node.value], prefix=node.prefix)


class _RawUnicode(_Fix):
    """ur'' becomes r''; u'' is good Python 3."""

    PATTERN = 'STRING'

    def transform(self, node: Any, results: Any) -> Any:
        if node.value[:2].lower() != 'ur':
            return None
        return Leaf(token.STRING, node.value[1:], prefix=node.prefix)


class _FileCall(_Fix):
    """file(name) becomes open(name)."""

    PATTERN = "power< name='file' trailer< '(' any* ')' > any* >"

    def transform(self, node: Any, results: Any) -> Any:
        name = results['name']
        if 'file' not in self.bound:
            name.replace(Name('open', prefix=name.prefix))


class _LiteralDivision(_Fix):
    """Between two integers the division of Python 2 is `//`."""

    PATTERN = "term< left=NUMBER operator='/' right=NUMBER any* >"

    def transform(self, node: Any, results: Any) -> Any:
        if results['left'].value.isdigit() and results['right'].value.isdigit():
            operator = results['operator']
            operator.replace(Leaf(token.DOUBLESLASH, '//', prefix=operator.prefix))


class _StringModule(_Fix):
    """string.upper(s) becomes s.upper(), where the module string is meant and the arguments are plain."""

    PATTERN = "power< 'string' trailer< '.' name=NAME > call=trailer< '(' any* ')' > rest=any* >" \
              " | power< 'string' trailer< '.' constant=('letters'|'lowercase'|'uppercase') > any* >"
    methods = frozenset(['lower', 'upper', 'strip', 'lstrip', 'rstrip', 'capitalize', 'swapcase', 'expandtabs',
                         'split', 'rsplit', 'find', 'rfind', 'index', 'rindex', 'count', 'replace', 'ljust', 'rjust',
                         'center', 'zfill'])
    functions = {'atoi': 'int', 'atol': 'int', 'atof': 'float'}

    def start_tree(self, tree: Any, filename: str) -> None:
        super().start_tree(tree, filename)
        self.is_meant = imports_string(tree)

    def transform(self, node: Any, results: Any) -> Any:
        if not self.is_meant:
            return None
        if 'constant' in results:
            name = results['constant'][0]
            name.replace(Name('ascii_' + name.value))
            return None
        given = [argument.clone() for argument in arguments(results['call'])]
        if not given or any(argument.type == syms.argument for argument in given):
            return None
        new = self._call(results['name'].value, given)
        if new is None:
            return None
        rest = [each.clone() for each in results['rest']]
        if rest:
            new = Node(syms.power, [*[child.clone() for child in new.children], *rest])
        new.prefix = node.prefix
        return new

    def _call(self, name: str, given: list[Any]) -> Any:
        name = {'splitfields': 'split', 'joinfields': 'join'}.get(name, name)
        if name in self.functions:
            return Call(Name(self.functions[name]), _arguments(given))
        if name == 'join':
            words, separator = (given + [Leaf(token.STRING, "' '")])[:2]
            return _method(separator, 'join', [words])
        if name in self.methods:
            return _method(given[0], name, given[1:])
        return None


def imports_string(tree: Any) -> bool:
    """Whether `string` is Python's module: it is imported, and nothing else has that name."""
    imported = [node for node in tree.pre_order() if node.type == syms.import_name
                and any(leaf.value == 'string' for leaf in node.leaves())]
    assigned = any(leaf.value == 'string' and leaf.next_sibling is not None
                   and leaf.next_sibling.type == token.EQUAL and leaf.parent.type == syms.expr_stmt
                   for leaf in tree.leaves())
    return bool(imported) and not assigned


def _method(subject: Any, name: str, given: Sequence[Any]) -> Any:
    subject.prefix = ''
    if subject.type not in (token.NAME, token.STRING, syms.power, syms.atom):
        subject = Node(syms.atom, [Leaf(token.LPAR, '('), subject.clone(), Leaf(token.RPAR, ')')])
    heads = subject.children if subject.type == syms.power else [subject]
    call = Call(Name('_'), _arguments(given))
    return Node(syms.power, [*[head.clone() for head in heads], Node(syms.trailer, [Dot(), Name(name)]),
                             *[each.clone() for each in call.children[1:]]])


def _arguments(given: Sequence[Any]) -> list[Any]:
    """Arguments of a call, with commas between them."""
    parts: list[Any] = []
    for argument in given:
        argument.prefix = ' ' if parts else ''
        parts += [Leaf(token.COMMA, ','), argument] if parts else [argument]
    return parts


class _TupleParameters(fix_tuple_params.FixTupleParams):  # type: ignore[misc]
    """With a name that can stay."""

    def new_name(self, template: str = 'values') -> str:
        return super().new_name('values')  # type: ignore[no-any-return]


class _Types(fix_types.FixTypes):  # type: ignore[misc]
    """types.StringType is text here, not bytes."""

    def transform(self, node: Any, results: Any) -> Any:
        if results['name'].value in ('StringType', 'UnicodeType'):
            return Name('str', prefix=node.prefix)
        return super().transform(node, results)


class _ImportedTypes(_Fix):
    """`from types import StringType`, and StringType after it."""

    types = {'StringType': 'str', 'UnicodeType': 'str', 'StringTypes': '(str,)', 'IntType': 'int', 'LongType': 'int',
             'FloatType': 'float', 'ComplexType': 'complex', 'BooleanType': 'bool', 'ListType': 'list',
             'TupleType': 'tuple', 'DictType': 'dict', 'DictionaryType': 'dict', 'ObjectType': 'object',
             'TypeType': 'type', 'NoneType': 'type(None)', 'SliceType': 'slice'}
    PATTERN = "import_from< 'from' 'types' 'import' any* > | " + ' | '.join(map(repr, types))

    def start_tree(self, tree: Any, filename: str) -> None:
        super().start_tree(tree, filename)
        self.imported: set[str] = set()
        for node in tree.pre_order():
            if node.type == syms.import_from and str(node.children[1]).strip() == 'types':
                names = {leaf.value for leaf in node.leaves()}
                self.imported |= set(self.types) if '*' in names else names

    def transform(self, node: Any, results: Any) -> Any:
        if node.type == syms.import_from:
            return self._import(node)
        before = node.prev_sibling
        parents = (node.parent, node.parent.parent)
        if node.value not in self.imported or (before is not None and before.type == token.DOT) \
                or any(parent.type == syms.import_from for parent in parents if parent is not None):
            return None
        return Name(self.types[node.value], prefix=node.prefix)

    def _import(self, node: Any) -> Any:
        leaves = [leaf.value for leaf in node.leaves()][3:]
        names = [name for name in leaves if name not in ('(', ')', ',')]
        if 'as' in names or '*' in names or not any(name in self.types for name in names):
            return None
        kept = [name for name in names if name not in self.types]
        text = 'from types import ' + ', '.join(kept) if kept else 'pass'
        return Name(text, prefix=node.prefix)


class _Dict(fix_dict.FixDict):  # type: ignore[misc]
    """No list() where a loop only reads: neither is one needed, nor would it be there had it been iteritems()."""

    def in_special_context(self, node: Any, isiter: bool) -> bool:
        found: dict[str, Any] = {}
        if node.parent is not None and self.p2.match(node.parent, found) and found['node'] is node:
            return isiter or not _changes(node.parent, str(node).partition('.')[0].strip())
        return bool(super().in_special_context(node, isiter))


def _changes(loop: Any, name: str) -> bool:
    """Whether the body of a loop may change the dictionary that it goes through."""
    text = str(loop)
    return loop.type == syms.for_stmt and bool(
        re.search(rf'\bdel\b|\.\s*(?:pop|popitem|clear|update|setdefault)\b|\b{re.escape(name)}[\w.]*\[[^\n]*\]\s*=',
                  text))


class _CertainDict(_Dict):
    """iteritems() and the like, which no dictionary of Python 3 has."""

    def transform(self, node: Any, results: Any) -> Any:
        if results['method'][0].value[:4] not in ('iter', 'view'):
            return None
        return super().transform(node, results)


class _CertainRange(fix_xrange.FixXrange):  # type: ignore[misc]
    """xrange()."""

    def transform_range(self, node: Any, results: Any) -> Any:
        return None


_BOTH: tuple[type[Any], ...] = (
    _unless_bound(fix_apply.FixApply, 'apply'), _BuiltinNames, fix_except.FixExcept,
    fix_exec.FixExec, _unless_bound(fix_execfile.FixExecfile, 'execfile'),
    fix_exitfunc.FixExitfunc, fix_getcwdu.FixGetcwdu, fix_has_key.FixHasKey, fix_imports.FixImports,
    fix_imports2.FixImports2, _unless_bound(fix_intern.FixIntern, 'intern'), fix_isinstance.FixIsinstance,
    fix_itertools.FixItertools, fix_itertools_imports.FixItertoolsImports, fix_metaclass.FixMetaclass,
    fix_methodattrs.FixMethodattrs, fix_ne.FixNe, fix_nonzero.FixNonzero, fix_numliterals.FixNumliterals,
    fix_operator.FixOperator, fix_paren.FixParen, fix_print.FixPrint, fix_raise.FixRaise,
    _unless_bound(fix_raw_input.FixRawInput, 'raw_input'), _unless_bound(fix_reduce.FixReduce, 'reduce'),
    _unless_bound(fix_reload.FixReload, 'reload'), fix_renames.FixRenames, fix_repr.FixRepr,
    fix_standarderror.FixStandarderror, fix_sys_exc.FixSysExc, fix_throw.FixThrow, _TupleParameters,
    _Types, _ImportedTypes, fix_urllib.FixUrllib, fix_xreadlines.FixXreadlines, _FileCall, _RawUnicode, _StringModule)

CERTAIN: tuple[type[Any], ...] = (*_BOTH, _CertainDict, _unless_bound(_CertainRange, 'xrange'))
"""For what Python 3 does not know."""

LIKELY: tuple[type[Any], ...] = (
    *_BOTH, fix_asserts.FixAsserts, _Dict, _unless_bound(fix_filter.FixFilter, 'filter'),
    fix_funcattrs.FixFuncattrs, _unless_bound(fix_map.FixMap, 'map'), fix_next.FixNext, fix_sorted.FixSorted,
    fix_xrange.FixXrange, _unless_bound(fix_zip.FixZip, 'zip'), _LiteralDivision)
"""For what Python 3 does not know, or takes for something else."""


def without(own_modules: Collection[str], fixers: Sequence[type[Any]]) -> list[type[Any]]:
    """The fixers, none of which renames a module that the site has itself."""
    return [_without(own_modules, fixer) if fixer in (fix_imports.FixImports, fix_imports2.FixImports2) else fixer
            for fixer in fixers]


def _without(own_modules: Collection[str], fixer: type[Any]) -> type[Any]:
    mapping = {name: new for name, new in fixer.mapping.items() if name not in own_modules}
    return type(fixer.__name__, (fixer,), {'mapping': mapping})
