"""From source text of a page to code."""

from spyce.page.cache import PageCache, Signature, read_file
from spyce.page.collection import CompiledCollection, CompiledTag, compile_collection, is_collection
from spyce.page.compiler import CompiledPage, compile_page
from spyce.page.errors import PageSyntaxError
from spyce.page.source import PageSource, decode_source
from spyce.page.tags import TagError, TagLibraries, TagLibraryInfo, TagTraits
from spyce.page.tree import ModuleImport, TagLibraryUse

__all__ = ['CompiledCollection', 'CompiledPage', 'CompiledTag', 'ModuleImport', 'PageCache', 'PageSource',
           'PageSyntaxError', 'Signature', 'TagError', 'TagLibraries', 'TagLibraryInfo', 'TagLibraryUse', 'TagTraits',
           'compile_collection', 'compile_page', 'decode_source', 'is_collection', 'read_file']
