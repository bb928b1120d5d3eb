"""Pages that use tag libraries written as Python classes: what needs a whole server to be seen."""
from __future__ import annotations

from html import unescape

import pytest

LIBRARY = """
    from spyceTag import spyceTag, spyceTagLibrary, spyceTagPlus

    class tag_show(spyceTag):
        name = 'show'
        def begin(self, v=None, **more): self.getOut().write('%s%s' % (v, sorted(more) or ''))

    class tag_outer(spyceTag):
        name = 'outer'

    class tag_inner(spyceTagPlus):
        name = 'inner'
        def syntax(self): self.parentRequired('outer')
        def begin(self): self.getOut().write(self.parentRequired('outer').getFullId())

    class tag_late(spyceTag):
        name = 'late'
        def begin(self):
            import beside
            self.getOut().write(beside.word)

    class tag_fails(spyceTag):
        name = 'fails'
        def begin(self):
            raise ValueError('in begin')

    class tag_classy(spyceTagPlus):
        name = 'classy'
        classcode = '''
            def hello(self): return 'hello ' + request.uri('path')

            def fails(self):
                raise ValueError('in classcode')
            '''
        def begin(self): pass

    class tag_wrong(spyceTagPlus):
        name = 'wrong'
        classcode = 'def f(:'

    class tag_early(spyceTag):
        name = 'early'
        prepares = 1
        @classmethod
        def prepare(cls, api, attributes):
            api.getServerGlobals().setdefault('prepared', []).append(attributes)
        def begin(self, a): pass

    class lib(spyceTagLibrary):
        tags = [tag_show, tag_outer, tag_inner, tag_late, tag_fails, tag_classy, tag_wrong, tag_early]
    """
LOAD = '[[.taglib from=tags/lib.py as=t]]'


def run(site, page: str, **files: str):
    client = site({'tags/lib.py': LIBRARY, 'tags/beside.py': "word = 'beside'", 'page.spy': LOAD + page, **files},
                  debug=True)
    return client.get('/page.spy')


class TestModulesInAttributes:
    def test_a_spyce_module_that_the_page_does_not_import_is_there(self, site):
        module = "from spyceModule import spyceModule\nclass own(spyceModule):\n    word = 'own'\n"
        assert run(site, '<t:show v="=own.word" />, <t:show v="=cookie.get(\'k\')" />.', **{'own.py': module}).text \
            == 'own, None.\n'

    @pytest.mark.parametrize('page', [
        "[[ cookie = 'page' ]]<t:show v='=cookie.upper()' />.",
        "[[ def f(cookie): { ]]<t:show v='=cookie.upper()' />[[ } ]][[ f('page') ]].",
        "[[ global cookie; cookie = 'page' ]]<t:show v='=cookie.upper()' />.",
        "[[.import name=transform as=cookie]][[ cookie.upper = lambda: 'PAGE' ]]<t:show v='=cookie.upper()' />.",
        "<t:show v='=[cookie.upper() for cookie in (\"page\",)][0]' />.",
        "<t:show v='=(lambda cookie: cookie.upper())(\"page\")' />.",
    ])
    def test_names_of_the_page_come_first(self, site, page):
        assert run(site, page).text.strip() == 'PAGE.'

    def test_a_name_that_is_no_module_is_an_error_at_its_place(self, site):
        answer = run(site, '\n<t:show v="=nowhere.x" />')
        assert answer.status == 500
        assert 'page.spy:2' in answer.text
        assert "name 'nowhere' is not defined" in unescape(answer.text)

    def test_python_modules_are_not_imported(self, site):
        assert "name 'json' is not defined" in unescape(run(site, '<t:show v="=json.dumps(1)" />').text)


class TestClassCode:
    def test_it_becomes_the_class_of_the_page(self, site):
        assert run(site, '<t:classy/>[[= self.hello() ]]').text == 'hello /page.spy\n'
        assert run(site, "[[! def hello(self): return 'page' ]]<t:classy/>[[= self.hello() ]]").text == 'page\n'

    def test_errors_point_into_the_library(self, site):
        answer = run(site, '\n<t:classy/>[[ self.fails() ]]')
        line = LIBRARY.splitlines().index("                raise ValueError('in classcode')")
        assert f'tags/lib.py:{line + 1}' in answer.text

    def test_what_is_no_python_is_an_error_of_the_page(self, site):
        answer = run(site, '\n<t:wrong/>')
        assert 'page.spy:2' in answer.text
        line = LIBRARY.splitlines().index("        classcode = 'def f(:'")
        assert f'classcode of <t:wrong> (lib.py, line {line + 1})' in unescape(answer.text)


def test_an_error_in_begin_shows_the_file_of_the_library_and_the_line_of_the_page(site):
    answer = run(site, '\n\n<t:fails/>')
    line = LIBRARY.splitlines().index("            raise ValueError('in begin')")
    assert f'tags/lib.py:{line + 1}' in answer.text
    assert 'page.spy:3' in answer.text


def test_modules_beside_the_library_can_be_imported_while_it_is_used(site):
    assert run(site, '<t:late/>.').text == 'beside.\n'


def test_an_attribute_that_would_be_self_is_refused(site):
    assert run(site, '<t:show class=a />.').text == "None['class'].\n"
    assert "has no attribute 'self'" in unescape(run(site, '<t:show self=a />').text)


def test_a_parent_may_be_of_another_library(site):
    assert run(site, '[[.taglib from=tags/lib.py as=u]]<t:outer><u:inner/></t:outer>.').text == 't:outer.\n'
    assert run(site, '<t:inner/>').status == 500


def test_a_tag_in_a_collection_finds_the_tags_around_that_one(site):
    tags = '[[.tagcollection]][[.taglib from=tags/lib.py as=t]][[.begin name=x singleton=True]]<t:inner/>[[.end]]'
    page = '[[.taglib from=c.spi as=c]]<t:outer><c:x/></t:outer>.'
    assert run(site, page, **{'c.spi': tags}).text == 't:outer.\n'
    answer = run(site, '[[.taglib from=c.spi as=c]]<c:x/>', **{'c.spi': tags})
    assert '<t:inner> must stand within a <t:outer> tag' in unescape(answer.text)


def test_a_tag_in_a_collection_is_prepared_before_the_page(site):
    tags = '[[.tagcollection]][[.taglib from=lib.py as=t]][[.begin name=x singleton=True]]<t:early a=1 />[[.end]]'
    page = "[[= response._api.getServerGlobals()['prepared'] ]][[.taglib from=tags/c.spi as=c]]" \
           '[[ if 0: { ]]<c:x/>[[ } ]]'
    assert run(site, page, **{'tags/c.spi': tags}).text.strip() == "[{'a': '1'}]"
