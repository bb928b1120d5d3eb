"""The module template: Jinja2 templates in pages."""
from __future__ import annotations

import os
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from spyce.runtime.exceptions import SpyceError
from spyce.testing import Client

jinja2 = pytest.importorskip('jinja2')

MakeSite = Callable[..., Client]
Get = Callable[..., str]

LOAD = '[[.import name=template]]'


@pytest.fixture
def get(site: MakeSite) -> Get:
    """get(page, {'row.tmpl': '...'}) -> what the page prints; what it raises comes out."""
    def get(page: str, files: dict[str, str] | None = None, path: str = '/page.spy') -> str:
        client = site({path[1:]: LOAD + page, **(files or {})})
        client.raise_errors = True
        return client.get(path).text.rstrip('\n')
    return get


class TestNames:
    def test_variables_of_the_page(self, get: Get) -> None:
        assert get('[[ n = 2; rows = ["a", "b"] ]][[= template.render("t.tmpl") ]]',
                   {'t.tmpl': '{% for row in rows %}{{ row * n }},{% endfor %}'}) == 'aa,bb,'

    def test_modules_of_the_page(self, get: Get) -> None:
        assert get('[[= template.string("{{ request.method() }}") ]]') == 'GET'

    def test_names_of_the_call_come_first(self, get: Get) -> None:
        assert get('[[ n = 2; m = 3 ]][[= template.string("{{ n }}{{ m }}", n=1) ]]') == '13'

    def test_variables_of_a_function_of_the_page(self, get: Get) -> None:
        assert get('[[ n = 1 \ndef f(n): { return template.string("{{ n }}") } ]][[= f(5) ]][[= f(6) ]]') == '56'

    def test_an_included_page_has_its_own(self, get: Get) -> None:
        assert get('[[.import name=include]][[ n = 1 ]][[ include.spyce("part.spi") ]]',
                   {'part.spi': '[[ n = 2 ]][[= template.string("{{ n }}") ]]'}) == '2'

    def test_called_by_a_module_of_the_site(self, get: Get) -> None:
        module = ("from spyceModule import spyceModule\nclass own(spyceModule):\n    def show(self):\n"
                  "        n = 'of the module'\n"
                  "        return self._api.getModule('template').string('{{ n }}')\n")
        assert get('[[.import name=own]][[ n = "of the page" ]][[= own.show() ]]', {'own.py': module}) == 'of the page'

    @pytest.mark.parametrize('name', ['nobody', '_spyceWrapper', '__builtins__', 'nobody.x'])
    def test_an_unknown_or_private_name_is_an_error(self, get: Get, name: str) -> None:
        with pytest.raises(jinja2.UndefinedError, match=name.partition('.')[0]):
            get(f'[[= template.string("{{{{ {name} }}}}") ]]')


class TestEscaping:
    @pytest.mark.parametrize(('file', 'printed'), [
        ('t.html', '&lt;b&gt;'), ('t.tmpl', '&lt;b&gt;'), ('t.j2', '&lt;b&gt;'), ('t.txt', '<b>'), ('T.TXT', '<b>')])
    def test_values_are_safe_for_html_but_in_txt(self, get: Get, file: str, printed: str) -> None:
        assert get(f'[[ v = "<b>" ]][[= template.render("{file}") ]]', {file: '{{ v }}'}) == printed

    def test_in_a_string(self, get: Get) -> None:
        assert get('[[ v = "<b>" ]][[= template.string("{{ v }}{{ v|safe }}") ]]') == '&lt;b&gt;<b>'


class TestCheetah:
    """2.1's call, with templates of today."""

    def test_variables_of_the_page(self, get: Get) -> None:
        assert get('[[ n = 2 ]][[= template.cheetah("t.tmpl") ]]', {'t.tmpl': 'n={{ n }}'}) == 'n=2'

    def test_a_single_dictionary(self, get: Get) -> None:
        assert get('[[= template.cheetah("t.tmpl", {"n": 1}) ]]', {'t.tmpl': 'n={{ n }}'}) == 'n=1'

    def test_the_first_dictionary_that_has_a_name_counts(self, get: Get) -> None:
        assert get('[[ n = m = o = 0 ]][[= template.cheetah("t.tmpl", [{"n": 1}, {"n": 2, "m": 3}]) ]]',
                   {'t.tmpl': '{{ n }}{{ m }}{{ o is defined }}'}) == '13False'


class TestFiles:
    @pytest.mark.parametrize('url', ['t.tmpl', '/sub/t.tmpl', '../sub/t.tmpl', './t.tmpl'])
    def test_relative_to_the_page_or_to_the_root(self, get: Get, url: str) -> None:
        files = {'sub/t.tmpl': 'here', 't.tmpl': 'there'}
        assert get(f'[[= template.render("{url}") ]]', files, '/sub/page.spy') == 'here'

    def test_templates_name_others_relative_to_themselves(self, get: Get) -> None:
        assert get('[[= template.render("a/one.tmpl") ]]', {
            'a/one.tmpl': '{% extends "b/base.tmpl" %}{% block x %}{% include "two.tmpl" %}{% endblock %}',
            'a/b/base.tmpl': '<{% block x %}{% endblock %}{% include "/root.tmpl" %}>',
            'a/two.tmpl': '2{% import "b/macros.tmpl" as m %}{{ m.f(3) }}',
            'a/b/macros.tmpl': '{% macro f(x) %}({{ x }}){% endmacro %}',
            'root.tmpl': 'r'}) == '<2(3)r>'

    def test_a_string_names_others_relative_to_its_page(self, get: Get) -> None:
        page = """[[= template.string("{% include 't.tmpl' %}") ]]"""
        assert get(page, {'sub/t.tmpl': 'here'}, '/sub/page.spy') == 'here'

    @pytest.mark.parametrize('url', ['../../outside.tmpl', '/../outside.tmpl', 'link.tmpl', 'a\\b.tmpl',
                                     't.tmpl\x00', ''])
    @pytest.mark.parametrize('how', ['template.render(url)', 'template.cheetah(url)',
                                     'template.string("{% include url %}")', 'template.string("{% extends url %}")',
                                     'template.string("{% import url as m %}")',
                                     'template.string("{% include url ignore missing %}")'])
    def test_nothing_outside_of_the_site(self, site: MakeSite, tmp_path: Path, url: str, how: str) -> None:
        outside = tmp_path / 'outside.tmpl'
        outside.write_text('secret')
        client = site({'sub/page.spy': f'{LOAD}[[ url = request.get1("url") or "" ]][[= {how} ]]'})
        os.symlink(outside, tmp_path / 'www0/sub/link.tmpl')
        client.raise_errors = True
        with pytest.raises(SpyceError, match='lies outside of the folder|not a usable path|is not a template'):
            client.get('/sub/page.spy', {'url': url})

    @pytest.mark.parametrize('file', ['page.spy', 'own.py', 'data.db', 'part.spi', 'spyceconf.py', '.env',
                                      '.hidden.html', '.git/x.html', 'x.html~', 'noending'])
    def test_only_templates(self, get: Get, file: str) -> None:
        files = {} if file == 'page.spy' else {file: 'secret = 1'}
        with pytest.raises(SpyceError, match='is not a template: its name must end in'):
            get(f'[[= template.render("{file}") ]]', files)

    def test_one_that_is_missing(self, get: Get) -> None:
        with pytest.raises(jinja2.TemplateNotFound, match='there is no file t.tmpl'):
            get('[[= template.render("t.tmpl") ]]')
        assert get('[[= template.string("a{% include \'t.tmpl\' ignore missing %}b") ]]') == 'ab'

    def test_an_absolute_path_is_one_below_the_root(self, get: Get, tmp_path: Path) -> None:
        (tmp_path / 'outside.tmpl').write_text('secret')
        with pytest.raises(jinja2.TemplateNotFound):
            get(f'[[= template.render("{tmp_path}/outside.tmpl") ]]')

    def test_a_folder(self, get: Get) -> None:
        with pytest.raises(SpyceError, match='d.tmpl cannot be read: '):
            get('[[= template.render("d.tmpl") ]]', {'d.tmpl/x.txt': ''})

    def test_a_changed_file_is_read_again(self, site: MakeSite, tmp_path: Path) -> None:
        client = site({'page.spy': f'{LOAD}[[= template.render("t.tmpl") ]]', 't.tmpl': 'old'}, check_mtime=True)
        assert client.get('/page.spy').text == 'old\n'
        (tmp_path / 'www0/t.tmpl').write_text('newer')
        assert client.get('/page.spy').text == 'newer\n'

    def test_not_if_the_config_says_so(self, site: MakeSite, tmp_path: Path) -> None:
        client = site({'page.spy': f'{LOAD}[[= template.render("t.tmpl") ]]', 't.tmpl': 'old'}, check_mtime=False)
        client.get('/page.spy')
        (tmp_path / 'www0/t.tmpl').write_text('newer')
        assert client.get('/page.spy').text == 'old\n'

    def test_a_visitor_does_not_get_the_template_itself(self, site: MakeSite) -> None:
        client = site({'t.tmpl': 'secret', 't.j2': 'secret', 't.jinja': 'secret'})
        assert [client.get(f'/t.{ending}').status for ending in ('tmpl', 'j2', 'jinja')] == [404] * 3


class TestErrors:
    def test_a_wrong_template_is_told_with_file_and_line(self, get: Get) -> None:
        with pytest.raises(jinja2.TemplateSyntaxError) as caught:
            get('[[= template.render("t.tmpl") ]]', {'t.tmpl': 'one\n{% for %}\n'})
        assert (os.path.basename(caught.value.filename or ''), caught.value.lineno) == ('t.tmpl', 2)

    def test_the_error_page_shows_the_line_of_the_template(self, site: MakeSite) -> None:
        client = site({'page.spy': f'{LOAD}[[= template.render("t.tmpl") ]]', 't.tmpl': 'one\n{{ 1 / 0 }}\n'},
                      debug=True)
        text = unescape(client.get('/page.spy').text)
        assert 'File "t.tmpl", line 2' in text
        assert '> 2 | {{ 1 / 0 }}' in text

    def test_without_jinja2_the_page_says_what_to_install(self, site: MakeSite,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, 'jinja2', None)
        monkeypatch.delitem(sys.modules, 'spyce.modules.contrib.template', raising=False)
        client = site({'page.spy': f'{LOAD}x'})
        client.raise_errors = True
        with pytest.raises(SpyceError, match=r"pip install 'spyce-session\[template\]'"):
            client.get('/page.spy')


def test_a_site_may_have_its_own_module_of_that_name(site: MakeSite) -> None:
    own = "from spyceModule import spyceModule\nclass template(spyceModule):\n    word = 'own'\n"
    client = site({'page.spy': '[[.import name=template]][[= template.word ]]', 'template.py': own})
    assert client.get('/page.spy').text == 'own\n'
