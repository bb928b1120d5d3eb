"""Tags in lambdas, includes and tag collections: which prefixes are known there, and what belongs elsewhere."""
from __future__ import annotations

import re
from html import unescape

import pytest

OWN = "[[.tagcollection]][[.begin name=b singleton=True]][[.attr name=v]]<b>[[= v ]]</b>[[.end]]"


def error(answer):
    """The text of an error page."""
    assert answer.status == 500
    return unescape(re.search(r'<textarea[^>]*>(.*?)</textarea>', answer.text, re.DOTALL)[1])


class TestPrefixesInLambdas:
    @pytest.mark.parametrize('page', [
        '[[.taglib from=own.spi as=own]][[ show = [[spy v: <own:b v="=v"/> ]] ]][[ show(1) ]]',
        '[[.taglib from=own.spi as=own]][[ show = [[spy v: [[ inner = [[spy v: <own:b v="=v"/> ]] ]][[ inner(v) ]] ]] '
        ']][[ show(1) ]]',
        '[[ show = [[spy v: [[.taglib from=own.spi as=own]]<own:b v="=v"/> ]] ]][[ show(1) ]]'])
    def test_those_of_the_page_are_known(self, site, page):
        assert site({'page.spy': page, 'own.spi': OWN}).get('/page.spy').text.split() == ['<b>1</b>']

    def test_a_prefix_that_the_page_gives_to_another_library_is_that_library(self, site):
        page = '[[.taglib from=own.spi as=f]][[ show = [[spy v: <f:b v="=v"/> ]] ]][[ show(1) ]]'
        assert site({'page.spy': page, 'own.spi': OWN}).get('/page.spy').text.split() == ['<b>1</b>']

    def test_a_prefix_of_the_lambda_is_none_of_the_page(self, site):
        page = '[[ show = [[spy: [[.taglib from=own.spi as=own]] ]] ]]<own:b v="1"/>'
        assert site({'page.spy': page, 'own.spi': OWN}).get('/page.spy').text.strip() == '<own:b v="1"/>'

    def test_a_tag_that_is_wrong_is_an_error_of_the_page(self, site):
        page = '[[.taglib from=own.spi as=own]]\n[[ show = [[spy v: <own:nothing/> ]] ]]'
        answer = site({'page.spy': page, 'own.spi': OWN}, debug=True).get('/page.spy')
        assert 'unknown tag <own:nothing>' in error(answer) and 'page.spy", line 2' in error(answer)

    def test_a_changed_library_changes_the_lambda(self, site, tmp_path):
        page = '[[.taglib from=own.spi as=own]][[ show = [[spy v: <own:b v="=v"/> ]] ]][[ show(1) ]]'
        client = site({'page.spy': page, 'own.spi': OWN})
        client.get('/page.spy')
        (tmp_path / 'www0' / 'own.spi').write_text(OWN.replace('b>', 'em>'))
        assert client.get('/page.spy').text.split() == ['<em>1</em>']


class TestParent:
    FRAME = {'p.spi': '<main>[[= child._body ]]</main>'}

    @pytest.mark.parametrize(('files', 'place'), [
        ({'page.spy': '\n[[ show = [[spy: <spy:parent src="p.spi"/> ]] ]]'}, 'page.spy'),
        ({'page.spy': '[[.taglib from=own.spi as=own]]<own:p/>',
          'own.spi': '[[.tagcollection]]\n[[.begin name=p singleton=True]]<spy:parent src="p.spi"/>[[.end]]'},
         'own.spi')])
    def test_it_is_refused_when_a_lambda_or_a_collection_is_compiled(self, site, files, place):
        answer = site({**files, **self.FRAME}, debug=True).get('/page.spy')
        assert '<spy:parent> belongs in the page itself' in error(answer)
        assert f'{place}", line 2' in error(answer)

    def test_it_is_refused_in_a_page_that_another_one_includes(self, site):
        client = site({'page.spy': '[[.import name=include]][[ include.spyce("part.spy") ]]',
                       'part.spy': 'a\n<spy:parent src="p.spi"/>part', **self.FRAME}, debug=True)
        answer = client.get('/page.spy')
        assert '<spy:parent> belongs in the page that is asked for' in error(answer)
        assert 'part.spy", line 2' in error(answer)
        assert client.get('/part.spy').text.split() == ['<main>a', 'part', '</main>']

    def test_a_page_can_tell_whether_it_is_included(self, site):
        client = site({'page.spy': '[[.import name=include]][[ include.spyce("part.spy") ]]',
                       'part.spy': '[[ if len(request.stack()) == 1: { ]]<spy:parent src="p.spi"/>[[ } ]]part',
                       **self.FRAME})
        assert client.get('/page.spy').text.strip() == 'part'
        assert client.get('/part.spy').text.split() == ['<main>part', '</main>']

    def test_pasted_source_is_the_page_itself(self, site):
        client = site({'page.spy': '[[.include file=part.spi]]', 'part.spi': '<spy:parent src="p.spi"/>x',
                       **self.FRAME})
        assert client.get('/page.spy').text.split() == ['<main>x</main>']

    def test_that_of_an_error_page_surrounds_the_error_page(self, site):
        client = site({'page.spy': '<spy:parent src="q.spi"/>[[ error.setFileHandler("errors/e.spy") ]][[= 1/0 ]]',
                       'errors/e.spy': '<spy:parent src="p.spi"/>failed', 'errors/p.spi': self.FRAME['p.spi'],
                       'q.spi': 'of the page [[= child._body ]]'})
        answer = client.get('/page.spy')
        assert (answer.status, answer.text.split()) == (500, ['<main>failed', '</main>'])
        client = site({'page.spy': '<spy:parent src="q.spi"/>[[ error.setStringHandler("failed") ]][[= 1/0 ]]'})
        assert client.get('/page.spy').text.strip() == 'failed'


class TestOptions:
    OPTION = '[[.tagcollection]][[.begin name=opt singleton=True]][[.attr name=v]]<f:option value="=v">o</f:option>' \
             '[[.end]][[.begin name=select]]<em>[[.end]]' \
             '[[.begin name=box buffers=True]]<f:select name=s>[[= _content ]]</f:select>[[.end]]'

    def get(self, site, page, query=''):
        return site({'own.spi': self.OPTION, 'page.spy': f'[[.taglib from=own.spi as=own]]{page}'},
                    debug=True).get('/page.spy', query)

    def test_one_of_a_collection_is_chosen_as_any(self, site):
        page = '<f:select name=s><own:opt v=1/><own:opt v=2/></f:select>'
        assert re.findall(r'value="(\d)" SELECTED', self.get(site, page, 's=2').text) == ['2']

    def test_a_tag_of_a_collection_that_is_called_select_stands_in_no_ones_way(self, site):
        page = '<f:select name=s><own:select><f:option value=1>o</f:option></own:select></f:select>'
        assert 'SELECTED' in self.get(site, page, 's=1').text

    @pytest.mark.parametrize('page', [
        '<own:opt v=1/>', '<own:select><f:option>x</f:option></own:select>', '<own:box><own:opt v=1/></own:box>'])
    def test_without_a_select_around_it_there_is_an_error_that_says_so(self, site, page):
        assert '<f:option> must stand within <f:select>' in error(self.get(site, page))


class TestAttributesThatStandTwice:
    @pytest.mark.parametrize('page', [
        '\n<f:text name=a name=b />', '\n<f:text name=a Class=x class=y />', '\n<spy:ul data="[]" data="[1]" />'])
    def test_are_an_error_of_the_page(self, site, page):
        answer = site({'page.spy': page}, debug=True).get('/page.spy')
        assert 'twice' in error(answer) and 'page.spy", line 2' in error(answer)

    def test_stay_in_plain_html(self, site):
        html = '<p class="a" class="b">x</p>'
        assert site({'page.spy': html}).get('/page.spy').text.strip() == html
