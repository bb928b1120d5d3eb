"""Pages that use tag collections: what a tag sees, what it brings into the page, where its errors are."""
from __future__ import annotations

import os
import threading
from html import unescape

import pytest

from spyce.runtime.exceptions import CompoundHandlerError, HandlerError

LOAD = '[[.taglib from=c.spi as=c]]'


def collection(*tags: str) -> str:
    return '[[.tagcollection]]\n' + '\n'.join(tags)


def text(site, tags: str, page: str, **files: str) -> str:
    """What a page prints that uses these tags."""
    client = site({'c.spi': collection(tags), 'page.spy': LOAD + page, **files}, debug=True)
    answer = client.get('/page.spy')
    assert answer.status == 200, answer.text
    return answer.text.strip()  # a line of nothing but tags loses its newline


class TestUse:
    def test_a_tag_runs_before_its_body_and_one_that_buffers_after_it(self, site):
        tags = '[[.begin name=p]](tag)[[.end]][[.begin name=b buffers=True]](tag [[= _content ]])[[.end]]'
        assert text(site, tags, '<c:p>body</c:p> <c:b>bo<c:p>dy</c:p></c:b>') == '(tag)body (tag bo(tag)dy)'

    def test_exports_of_a_tag_without_buffer_are_there_in_its_body(self, site):
        tags = '[[.begin name=let]][[.attr name=v]][[.export var=v as=x]][[.end]]'
        assert text(site, tags, '<c:let v="=5">[[= x ]]</c:let>[[= x ]]') == '55'

    def test_exports_of_a_tag_that_buffers_are_there_after_it(self, site):
        tags = '[[.begin name=b buffers=True]][[.export var=n]][[ n = len(_content) ]][[.end]]'
        assert text(site, tags, '<c:b>four</c:b>[[= n ]]') == '4'

    def test_exports_reach_the_locals_of_the_function_around_the_tag(self, site):
        tags = '[[.begin name=e singleton=True]][[.export var=n]][[ n = 2 ]][[.end]]'
        assert text(site, tags, '[[ def f(): { n = 1 ]]<c:e/>[[= n ]][[ } ]][[ f() ]]') == '2'

    def test_what_a_tag_within_a_tag_exports_can_be_exported_further(self, site):
        inner = collection('[[.begin name=e singleton=True]][[.export var=n]][[ n = 3 ]][[.end]]')
        tags = '[[.begin name=o singleton=True]][[.taglib from=inner.spi as=i]][[.export var=n as=m]]<i:e/>[[.end]]'
        assert text(site, tags, '<c:o/>[[= m ]]', **{'inner.spi': inner}) == '3'

    def test_the_same_tag_within_itself(self, site):
        assert text(site, '[[.begin name=b buffers=True]]<[[= _content ]]>[[.end]]',
                    '<c:b>1<c:b>2<c:b>3</c:b></c:b></c:b>') == '<1<2<3>>>'

    def test_a_tag_sees_neither_variables_nor_modules_of_the_page(self, site):
        tags = ('[[.begin name=t singleton=True]]'
                '[[= [name for name in ("x", "session", "request") if name in globals()] ]][[.end]]')
        assert text(site, tags, '[[.import name=session]][[ global x; x = 1 ]]<c:t/>') == "['request']"

    def test_a_module_imported_in_a_tag_lives_as_long_as_that_use(self, site):
        trace = """
            from spyceModule import spyceModule
            class trace(spyceModule):
                def start(self): self._api.getModule('response').write('[')
                def finish(self, error=None): self._api.getModule('response').write(']')
            """
        assert text(site, '[[.begin name=t singleton=True]][[.import name=trace]]x[[.end]]', '<c:t/>-<c:t/>',
                    **{'trace.py': trace}) == '[x]-[x]'

    def test_transforms_of_a_page_and_of_a_tag_do_not_meet(self, site):
        tags = ('[[.begin name=b buffers=True]][[= "&" ]][[= _content ]][[.end]]'
                "[[.begin name=e singleton=True]][[.import name=transform]][[ transform.expr('html_encode') ]]"
                '[[= "<" ]][[.end]]')
        page = "[[.import name=transform]][[ transform.expr('html_encode') ]]<c:b>[[= '&' ]]</c:b><c:e/>[[= '<' ]]"
        assert text(site, tags, page) == '&&amp;&lt;&lt;'

    def test_the_page_ends_where_a_tag_says_so_and_a_tag_returns(self, site):
        tags = '[[.begin name=stop singleton=True]]s[[ response.end() ]]x[[.end]]' \
               '[[.begin name=back singleton=True]]r[[ return ]]x[[.end]]'
        assert text(site, tags, 'a<c:back/>b<c:stop/>c') == 'arbs'

    def test_python_modules_and_includes_are_looked_for_beside_the_collection(self, site):
        client = site({'lib/c.spi': collection('[[.begin name=t singleton=True]][[ import helper ]][[= helper.word ]]'
                                               '[[.end]]'),
                       'lib/helper.py': "word = 'beside'", 'page.spy': '[[.taglib from=lib/c.spi as=c]]<c:t/>'})
        assert client.get('/page.spy').text == 'beside'

    def test_tags_of_other_libraries_within_a_tag(self, site):
        other = """
            from spyceTag import *
            class tag_b(spyceTag):
                name = 'b'
                def begin(self): self.getOut().write('<b>%s' % self.getParent('outer').getAttributes()['n'])
            class other(spyceTagLibrary):
                tags = [tag_b]
            """
        tags = '[[.taglib name=other as=o]]\n[[.begin name=outer singleton=True]][[.attr name=n]]<o:b/>' \
               '<spy:ul data="=[n]" />[[.end]]'
        assert text(site, tags, '<c:outer n="=3"/>', **{'other.py': other}) == '<b>3<ul><li>3</li></ul>'

    def test_a_lambda_of_the_page_can_be_an_attribute(self, site):
        tags = '[[.begin name=t singleton=True]][[.attr name=show]][[ show(1) ]][[ show(2) ]][[.end]]'
        page = "[[ f = [[spy x: <i>[[= x ]]</i>]] ]]<c:t show='=f'/>"
        assert text(site, tags, page).split() == ['<i>1</i>', '<i>2</i>']


class TestClassOfThePage:
    def test_class_chunks_of_used_tags_become_the_page_and_self_is_the_page(self, site):
        tags = ('[[! wide = "W" ]]\n[[.begin name=a singleton=True]][[! def hello(self): return "a" + self.wide ]]'
                '[[= self.mark ]][[.end]]\n'
                '[[.begin name=b singleton=True]][[! \ndef hello(self): return "b"\n]][[.end]]')
        assert text(site, tags, '[[ self.mark = 1 ]]<c:a/>[[= self.hello() ]]') == '1aW'
        assert text(site, tags, "[[ self.mark = 1 ]]<c:b/><c:a/>[[= self.hello() ]]") == '1aW'
        assert text(site, tags, '[[! def hello(self): return "page" ]][[ self.mark = 1 ]]<c:a/>[[= self.hello() ]]') \
            == '1page'
        assert text(site, tags, "[[= hasattr(self, 'hello') ]]") == 'False'

    def test_class_chunks_see_the_names_of_the_page(self, site):
        tags = '[[.begin name=a singleton=True]][[! def where(self): return request.uri("path"), own ]][[.end]]'
        assert text(site, tags, '[[.import name=pool as=own]]<c:a/>[[= self.where()[0] ]]') == '/page.spy'

    def test_self_is_the_page_in_tags_within_tags_and_lambdas(self, site):
        inner = collection('[[.begin name=t singleton=True]][[= self.mark ]][[= self.both() ]]'
                           '[[! def both(self): return self.mark * 2 ]][[.end]]')
        tags = '[[.taglib from=inner.spi as=i]]\n[[.begin name=o singleton=True]]<i:t/>[[.end]]'
        assert text(site, tags, '[[ self.mark = 4 ]]<c:o/>', **{'inner.spi': inner}) == '48'
        both = collection('[[.begin name=t singleton=True]][[= self.mark ]][[= self.both() ]]'
                          '[[! def both(self): return self.mark * 2 ]][[.end]]')
        client = site({'g.spi': both, 'page.spy': '[[ self.mark = 4; f = [[spy: <g:t/>]] ]][[ f() ]]'},
                      globaltags=[('g', 'g.spi', 'g')])
        assert client.get('/page.spy').text.strip() == '48'

    def test_a_page_lends_its_class_to_one_request_at_a_time(self, site):
        tags = '[[.begin name=a singleton=True]][[! def set(self, n): self.n = n ]][[.end]]'
        client = site({'c.spi': collection(tags),
                       'page.spy': LOAD + "<c:a/>[[= hasattr(self, 'n') ]][[ self.set(1) ]][[= self.n ]]"})
        assert [client.get('/page.spy').text for _ in range(3)] == ['False1\n'] * 3


class TestErrors:
    def test_an_error_in_a_tag_is_in_the_file_of_the_collection(self, site):
        client = site({'c.spi': collection('[[.begin name=t singleton=True]]\nx\n  [[ y = 1 / 0 ]][[.end]]'),
                       'page.spy': f'{LOAD}\n<c:t/>'}, debug=True)
        answer = client.get('/page.spy')
        assert answer.status == 500
        assert 'ZeroDivisionError' in answer.text
        assert 'c.spi:4' in answer.text
        assert 'page.spy:2' in answer.text

    def test_an_error_in_the_class_code_of_a_tag_is_too(self, site):
        client = site({'c.spi': collection('[[.begin name=t singleton=True]]\n[[! \ndef f(self): 1 / 0\n]][[.end]]'),
                       'page.spy': f'{LOAD}\n<c:t/>[[ self.f() ]]'}, debug=True)
        assert 'c.spi:4' in client.get('/page.spy').text

    def test_a_collection_that_is_wrong_names_its_place_and_the_page(self, site):
        client = site({'c.spi': collection('[[.begin name=t]]\n[[ x = ( ]][[.end]]'), 'page.spy': f'\n{LOAD}',
                       'part.spi': collection('[[.taglib from=c.spi as=c]]'),
                       'two.spy': '[[.taglib from=part.spi as=p]]'}, debug=True)
        answer = client.get('/page.spy')
        assert answer.status == 500
        assert 'c.spi:3' in answer.text
        assert "'(' was never closed (in a tag collection that page.spy:2 loads)" \
            in unescape(answer.text)
        assert 'that part.spi:2 loads) (in a tag collection that two.spy:1 loads)' in client.get('/two.spy').text

    @pytest.mark.parametrize(('use', 'message'), [
        ('<c:s>x</c:s>', '<c:s> takes no body'), ('<c:p/>', '<c:p> needs a body'),
        ('<c:nosuch/>', 'unknown tag <c:nosuch>; known: p, q, s'), ('<c:q></c:q>', "lacks the attribute 'a'"),
        ('<c:s b=1 />', "has no attribute 'b'; it takes: none"), ('<c:s self=1 />', "no attribute 'self'"),
    ])
    def test_wrong_use_is_an_error_of_the_page(self, site, use, message):
        client = site({'c.spi': collection('[[.begin name=s singleton=True]][[.end]]'
                                           '[[.begin name=p]][[.end]][[.begin name=q]][[.attr name=a]][[.end]]'),
                       'page.spy': f'{LOAD}\n {use}'}, debug=True)
        answer = client.get('/page.spy')
        assert answer.status == 500
        assert 'page.spy:2' in answer.text
        assert message in unescape(answer.text)

    @pytest.mark.parametrize('files', [
        {'c.spi': '[[.taglib from=c.spi as=me]]\n[[.begin name=t]][[.end]]'},
        {'c.spi': '[[.taglib from=d.spi as=d]]\n[[.begin name=t]][[.end]]',
         'd.spi': '[[.tagcollection]][[.taglib from=c.spi as=c]]'},
        {'c.spi': '[[.begin name=t singleton=True]]x[[.end]]\n[[.begin name=u]]<all:t/>[[.end]]'},
    ])
    def test_tags_of_one_collection_cannot_use_each_other(self, site, files):
        files['c.spi'] = collection(files['c.spi'])
        client = site({**files, 'page.spy': f'{LOAD}<c:t></c:t>'}, debug=True,
                      globaltags=[('core', None, 'spy'), ('c', 'c.spi', 'all')])
        answer = client.get('/page.spy')
        assert answer.status == 500
        assert 'tags of one collection cannot use each other' in answer.text

    def test_a_collection_that_is_missing_is_an_error_of_the_page(self, site):
        client = site({'page.spy': f'\n{LOAD}'}, debug=True)
        answer = client.get('/page.spy')
        assert 'page.spy:2' in answer.text
        assert 'cannot find the tag collection' in answer.text


class TestFinding:
    TAG = '[[.begin name=t singleton=True]]{}[[.end]]'

    def test_by_name_beside_the_page_then_on_the_path(self, site, tmp_path):
        (tmp_path / 'lib').mkdir()
        for name in ('one', 'two'):
            (tmp_path / 'lib' / f'{name}.spi').write_text(collection(self.TAG.format(f'{name} of the path')))
        client = site({'one.spi': collection(self.TAG.format('one of the page')),
                       'page.spy': '[[.taglib name=one]][[.taglib from=two as=x]]<one:t/>, <x:t/>'},
                      path=[str(tmp_path / 'lib')])
        assert client.get('/page.spy').text == 'one of the page, two of the path\n'

    def test_globaltags_may_have_several_collections(self, site):
        client = site({'a.spi': collection(self.TAG.format('A<b:t/>')), 'b.spi': collection(self.TAG.format('B')),
                       'page.spy': '<a:t/><b:t/><spy:ul data="[1]" />'},
                      globaltags=[('core', None, 'spy'), ('a', 'a.spi', 'a'), ('b', 'b.spi', 'b')])
        assert client.get('/page.spy').text == 'ABB<ul><li>1</li></ul>'

    def test_a_library_of_globaltags_costs_a_page_nothing_that_does_not_use_it(self, site):
        client = site({'page.spy': 'fine', 'use.spy': '<bad:t/>', 'bad.spi': 'no collection'},
                      globaltags=[('bad', 'bad.spi', 'bad')], debug=True)
        assert client.get('/page.spy').text == 'fine\n'
        answer = client.get('/use.spy')
        assert answer.status == 500
        assert 'bad.spi:1' in answer.text


def newer(client, name: str, text: str) -> None:
    file = client.app.server.config.root + '/' + name
    status = os.stat(file)
    with open(file, 'w', encoding='utf-8') as stream:
        stream.write(text)
    os.utime(file, (status.st_mtime + 5, status.st_mtime + 5))


class TestChanges:
    def test_pages_follow_the_collection_and_what_it_is_made_of(self, site):
        client = site({'c.spi': collection('[[.include file=part.spi]]\n[[.begin name=u]][[.end]]'),
                       'part.spi': '[[.begin name=t singleton=True]]1[[.end]]', 'page.spy': LOAD + '<c:t/>'},
                      debug=True)
        assert client.get('/page.spy').text == '1'
        newer(client, 'part.spi', '[[.begin name=t singleton=True]]2[[.end]]')
        assert client.get('/page.spy').text == '2'
        newer(client, 'part.spi', '[[.begin name=t]]2[[.end]]')
        assert '<c:t> needs a body' in unescape(client.get('/page.spy').text)
        newer(client, 'c.spi', collection('[[.begin name=t singleton=True]]3[[.end]]'))
        assert client.get('/page.spy').text == '3'

    def test_without_check_mtime_nothing_is_looked_at(self, site):
        client = site({'c.spi': collection('[[.begin name=t singleton=True]]1[[.end]]'), 'page.spy': LOAD + '<c:t/>'},
                      check_mtime=False)
        assert client.get('/page.spy').text == '1'
        newer(client, 'c.spi', collection('[[.begin name=t singleton=True]]2[[.end]]'))
        assert client.get('/page.spy').text == '1'

    def test_collections_that_load_each_other_compile_in_many_threads_at_once(self, site):
        client = site({'a.spi': collection('[[.taglib from=b.spi as=b]]'),
                       'b.spi': collection('[[.taglib from=a.spi as=a]]'),
                       'a.spy': '[[.taglib from=a.spi as=x]]', 'b.spy': '[[.taglib from=b.spi as=x]]'})
        found: list[int] = []
        threads = [threading.Thread(target=lambda page=page: found.append(client.get(page).status), daemon=True)
                   for page in ['/a.spy', '/b.spy'] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert found == [500] * 8


def several() -> CompoundHandlerError:
    errors = CompoundHandlerError()
    errors.add(HandlerError('name', 'is <empty>'))
    errors.add(HandlerError(None, 'all & wrong'))
    return errors


class TestRender:
    def test_a_tag_of_globaltags_gets_python_values(self, site):
        tag = '[[.begin name=t singleton=True]][[.attr name=v]][[.attr name=w default=d]][[= repr(v), w ]][[.end]]'
        client = site({'mine.spi': collection(tag),
                       'page.spy': "[[.import name=taglib]][[ taglib.render('my:t', v='=1+1') ]],"
                                   "[[ taglib.render('my:T', v=[1], w=None) ]],"
                                   "[[ taglib.render('spy:ul', data=['<']) ]]"},
                      globaltags=[('core', None, 'spy'), ('mine', 'mine.spi', 'my')])
        assert client.get('/page.spy').text == '''("'=1+1'", 'd'),('[1]', None),<ul><li>&lt;</li></ul>\n'''

    def test_the_config_decides_and_not_the_page(self, site):
        client = site({'a.spi': collection('[[.begin name=t singleton=True]]config[[.end]]'),
                       'b.spi': collection('[[.begin name=t singleton=True]]page[[.end]]'),
                       'page.spy': "[[.taglib from=b.spi as=my]][[.import name=taglib]]"
                                   "<my:t/>, [[ taglib.render('my:t') ]], <my:t/>"},
                      globaltags=[('a', 'a.spi', 'my')])
        assert client.get('/page.spy').text == 'page, config, page\n'

    @pytest.mark.parametrize(('call', 'message'), [
        ("'nosuch:t'", "globaltags has no library with the prefix 'nosuch'"), ("'my:no'", 'known: t'),
        ("'my:t', b=1", "has no attribute 'b'"),
    ])
    def test_wrong_calls(self, site, call, message):
        client = site({'a.spi': collection('[[.begin name=t singleton=True]]x[[.end]]'),
                       'page.spy': f'[[.import name=taglib]][[ taglib.render({call}) ]]'},
                      globaltags=[('a', 'a.spi', 'my')], debug=True)
        assert message in unescape(client.get('/page.spy').text)

    @pytest.mark.parametrize(('error', 'shown'), [
        (HandlerError('name', 'is <empty>'), '<div class="validationerror" role="alert">name: is &lt;empty&gt;</div>'),
        (HandlerError(None, '[[= 1/0 ]]'), '<div class="validationerror" role="alert">[[= 1/0 ]]</div>'),
        (several(), '<ul class="validationerror" role="alert"> <li>name: is &lt;empty&gt;</li> '
                    '<li>all &amp; wrong</li> </ul>'),
    ])
    def test_errors_of_handlers_are_shown_as_text(self, site, error, shown):
        client = site({'page.spy': "[[.import name=taglib]][[ taglib.render('render:validation', "
                                   "err=response._api.getServerGlobals()['error']) ]]"}, globals={'error': error})
        assert ' '.join(client.get('/page.spy').text.split()) == shown

    def test_a_site_brings_its_own_render_spi(self, site):
        own = collection('[[.begin name=validation singleton=True]]\n[[.attr name=err]]\n!![[= err.description ]]\n'
                         '[[.end]]')
        page = {'page.spy': '<render:validation err="=HandlerError(1, \'d\')" />'}
        by_path = site({**page, 'lib/render.spi': own}, globaltags=[('render', 'lib/render.spi', 'render')])
        assert by_path.get('/page.spy').text == '!!d\n'
        assert site({**page, 'render.spi': own}).get('/page.spy').text == '!!d\n'


def test_active_handlers_of_a_tag_are_those_of_the_page(site):
    library = """
        from spyceTag import *
        class tag_button(spyceTag):
            name = 'button'
            def syntax(self): self.handlers = ['self.save', 'other.log']
            def begin(self): self.getOut().write(self.getHandlerId())
        class lib(spyceTagLibrary):
            tags = [tag_button]
        """
    tags = '[[.taglib name=lib]][[.begin name=t singleton=True]]<lib:button/>[[.end]]'
    client = site({'c.spi': collection(tags), 'lib.py': library, 'page.spy': LOAD + '<c:t/><c:t/>',
                   'two.spy': LOAD + '<c:t/>', 'none.spy': LOAD})
    server, root = client.app.server, client.app.server.config.root
    page, two, none = (server.load_page(f'{root}/{name}.spy').compiled for name in ('page', 'two', 'none'))
    (handler_id, use), = page.handlers.items()
    assert use.names == ('self.save', 'other.log')
    assert use.file.endswith('c.spi')
    assert two.handlers.keys() == {handler_id}
    assert none.handlers == {}
    assert 'run_handlers' in page.python
