"""The library `form`: what each tag prints, and what of a request it shows again."""
from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest
from form_page import Parsed, Site

from spyce.testing import Client

Render = Callable[..., str]


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp('site'))


@pytest.fixture
def render(site: Site) -> Render:
    return site.render


# -- the form ----------------------------------------------------------------------------------------------------

def test_a_form_posts_to_the_path_of_the_request(site: Site) -> None:
    (site.root / 'here.spy').write_text('<f:form>x</f:form>')
    assert Client(site.app).get('/here.spy?a=1').text == '<form method="POST" action="/here.spy">x</form>\n'


def test_method_and_action_can_be_given_and_other_attributes_pass(render: Render) -> None:
    assert render('<f:form method=get action="/x.spy?a=1&b=2" class=k novalidate>y</f:form>') == \
        '<form method="GET" action="/x.spy?a=1&amp;b=2" class="k" novalidate>y</form>'


def test_the_action_is_never_another_host(site: Site) -> None:
    (site.root / 'mounted.spy').write_text('<f:form>x</f:form>')
    for mount in ('//evil.example', '///evil.example', '////evil.example', '/\\evil.example'):
        def mounted(environ: Any, start_response: Any, mount: str = mount) -> Any:
            return site.app({**environ, 'SCRIPT_NAME': mount}, start_response)
        action = Parsed(Client(mounted).get('/mounted.spy').text).attributes('form')['action']
        assert action is not None and urljoin('http://here/', action).startswith('http://here/')


def test_a_form_is_closed_even_if_its_contents_fail(render: Render) -> None:
    page = '[[ try: { ]]<f:form action="/">[[ 1/0 ]]</f:form>[[ } except ZeroDivisionError: { ]]caught[[ } ]]'
    assert ''.join(render(page).splitlines()) == '<form method="POST" action="/"></form>caught'


@pytest.mark.parametrize(('source', 'message'), [
    ('<f:form />', 'needs a body'),
    ('<f:form><f:form>x</f:form></f:form>', 'forms within forms'),
    ('<f:form method=put>x</f:form>', "must be GET or POST; it is 'put'"),
    ('<f:option value=1>x</f:option>', 'must stand within a <f:select>'),
    ('<f:text />', "lacks the attribute 'name'"),
    ('<f:text name="" />', "'name' of <f:text> must not be empty"),
    ('<f:text name=a></f:text>', 'takes no body'),
    ('<f:radio name=a />', "lacks the attribute 'value'"),
    ('<f:radiolist name=a />', "lacks the attribute 'data'"),
    ('<f:date name=a format="HH:mm" />', "'HH'; it can have yyyy"),
    ('<f:date name=a format="dd/dd/yyyy" />', "format 'dd/dd/yyyy' of a date has no part for the month"),
    ('<f:date name=a format="dd/MM/dd/yyyy" />', 'has more than one part for the day'),
    ('<f:date name=a format="yy MM yyyy dd" />', 'has more than one part for the year'),
    ('<f:date name=a format="dd.yyyy" />', 'has no part for the month: one of MMM, NNN, MM, M'),
    ('<f:date name=a format="" />', 'has no part for the year'),
    ('<f:submit handler="self.go" value=Go />', 'must stand within a <f:form>'),
    ('<f:form><f:submit handler="self.go" name=b /></f:form>', "remove the attribute 'name'"),
    ('<f:submit with=image />', 'one of button'),
    ('<f:nothing />', 'unknown tag <f:nothing>; known: checkbox'),
])
def test_wrong_use_is_an_error_of_the_page(site: Site, source: str, message: str) -> None:
    answer = site.answer(source)
    assert (answer.status, message in unescape(answer.text)) == (500, True)


@pytest.mark.parametrize(('source', 'message'), [
    ('<f:form method="=\'put\'">x</f:form>', 'must be GET or POST'),
    ('<f:date name=a format="=\'d/dd/MM/yyyy\'" />', 'more than one part for the day'),
    ('<f:date name=a value=2024-02-29 format="=\'MM/yyyy\'" />', 'no part for the day'),
    ('<f:select name=s data="[1]" />', 'must be pairs'),
    ('<f:select name=s data="[\'ab\']" />', 'must be pairs'),
])
def test_wrong_values_are_errors_when_the_page_runs(site: Site, source: str, message: str) -> None:
    answer = site.answer(source)
    assert (answer.status, message in answer.text) == (500, True)


def test_a_page_without_form_tags_does_not_load_the_library(site: Site) -> None:
    used = '[[ tags = response._api.getModule("taglib") ]]'
    assert site.render(used + '[[= repr(tags) ]]') == 'prefixes:'
    assert site.render(used + '<f:text name=a />[[= repr(tags) ]]').endswith('prefixes: f')


def test_the_library_can_have_another_prefix(render: Render) -> None:
    assert render('[[.taglib name=form as=x]]<x:select name=s><x:option text=a /></x:select>') == \
        '<select name="s" id="s"><option >a</option></select>'


# -- what a field shows ------------------------------------------------------------------------------------------

def shown(html: str) -> str | None:
    return Parsed(html).attributes('input')['value']


@pytest.mark.parametrize('tag', ['text', 'hidden'])
def test_value_then_what_was_sent_then_default(render: Render, tag: str) -> None:
    field = f'<f:{tag} name=a default=d />'
    assert shown(render(field)) == 'd'
    assert shown(render(field, query='a=q')) == 'q'
    assert shown(render(field, post='a=p')) == 'p'
    assert shown(render(field, query='a=q', post='a=p')) == 'q'
    assert shown(render(field, query='a=')) == ''
    assert shown(render(f'<f:{tag} name=a default=d value=v />', query='a=q')) == 'v'
    assert shown(render(f'<f:{tag} name=a />')) == ''


def test_zero_is_a_value(render: Render) -> None:
    assert shown(render('<f:text name=a default="=0" />')) == '0'
    assert shown(render('<f:text name=a value="=0" default=1 />')) == '0'
    assert render('<f:textarea name=a default="=0" />') == '<textarea name="a" id="a">0</textarea>'


def test_conversions_stay_in_name_and_id(render: Render) -> None:
    assert render('<f:text name="x:int" default=1 />', query='x%3Aint=7') == \
        '<input type="text" name="x:int" id="x:int" value="7">'


def test_id_and_type_can_be_given_and_attributes_pass_in_order(render: Render) -> None:
    assert render('<f:text name=a id=b type=email label=L maxlength=9 required aria-label="A & B" />') == \
        '<label for="b">L</label> <input type="email" name="a" id="b" value="" maxlength="9" required ' \
        'aria-label="A &amp; B">'


def test_a_password_is_not_shown_again(render: Render) -> None:
    field = '<f:password name=p default=first />'
    assert shown(render(field)) == 'first'
    for sent in ({'query': 'p=secret'}, {'post': 'p=secret'}, {'post': 'p='}):
        assert shown(render(field, **sent)) == ''
    assert shown(render('<f:password name=p value=v />', post='p=secret')) == 'v'


def test_a_textarea_shows_value_then_what_was_sent_then_default_or_contents(render: Render) -> None:
    def text(attributes: str, query: str = '') -> str:
        return Parsed(render(f'<f:textarea name=t {attributes}>body</f:textarea>', query=query)).texts['textarea']
    assert text('') == 'body'
    assert text('default=d') == 'd'
    assert text('default=d', 't=sent') == 'sent'
    assert text('value=v default=d', 't=sent') == 'v'
    assert 'sent' not in render('<f:textarea name=t value="">body</f:textarea>', query='t=sent')


def test_contents_of_a_textarea_are_read_as_html_and_cannot_end_it(render: Render) -> None:
    assert render('<f:textarea name=t>a &lt; b & [[= v ]]</f:textarea>', given='</textarea><script>') == \
        '<textarea name="t" id="t">a &lt; b &amp; &lt;/textarea&gt;&lt;script&gt;</textarea>'


@pytest.mark.parametrize('text', ['\none', '\r\none', '\n\n'])
def test_a_leading_newline_of_a_textarea_survives(render: Render, text: str) -> None:
    html = render('<f:textarea name=t />', post=urlencode({'t': text}))
    assert html == f'<textarea name="t" id="t">\n{text}</textarea>'


def test_sizes_of_a_textarea(render: Render) -> None:
    assert render('<f:textarea class=k cols=20 rows=3 name=t label=T />') == \
        '<label for="t">T</label> <textarea name="t" id="t" rows="3" cols="20" class="k"></textarea>'


# -- boxes and lists ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('attributes', 'query', 'checked'), [
    ('', '', False), ('checked', '', True), ('checked="=True"', '', True), ('checked="=False"', '', False),
    ('checked', 'c=2', True), ('', 'c=1', True), ('', 'c=2', False), ('', 'c=2&c=1', True),
    ('default', '', True), ('default="=0"', '', False), ('default=1', 'c=2', False),
])
@pytest.mark.parametrize('tag', ['radio', 'checkbox'])
def test_a_box_is_checked_by_checked_then_what_was_sent_then_default(render: Render, tag: str, attributes: str,
                                                                     query: str, checked: bool) -> None:
    html = render(f'<f:{tag} name=c value="=1" {attributes} />', query=query)
    assert html == f'<input type="{tag}" name="c" id="c" value="1"{" CHECKED" if checked else ""}>'


def test_the_label_of_a_box_is_behind_it(render: Render) -> None:
    assert render('<f:checkbox name=c value=1 id=i label="Yes & no" class=k />') == \
        '<input type="checkbox" name="c" id="i" value="1" class="k"><label for="i">Yes &amp; no</label>'


def checked_values(html: str) -> list[str | None]:
    return [attributes['value'] for _, attributes in Parsed(html).tags
            if 'checked' in attributes or 'selected' in attributes]


@pytest.mark.parametrize('tag', ['checkboxlist', 'select multiple'])
@pytest.mark.parametrize(('attributes', 'query', 'chosen'), [
    ('', '', []), ('default="=2"', '', ['2']), ('default=2', '', ['2']), ('default="=[1, \'3\']"', '', ['1', '3']),
    ('default="=(n for n in (1, 2))"', '', ['1', '2']), ('default=12', '', []), ('default="=[]"', '', []),
    ('default=1', 'l=3&l=2', ['2', '3']), ('selected=1', 'l=3', ['1']),
    ('selected="=[1, 2]" default=3', '', ['1', '2']), ('default="=0"', '', ['0']), ('default=1', 'l=9', []),
])
def test_lists_choose_by_equal_text(render: Render, tag: str, attributes: str, query: str, chosen: list[str]) -> None:
    data = "[('none', 0), ('one', 1), ('two', 2), ('three', 3)]"
    assert checked_values(render(f'<f:{tag} name=l data="{data}" {attributes} />', query=query)) == chosen


def test_a_list_is_a_labelled_box_for_each_pair(render: Render) -> None:
    page = '<f:radiolist name=l id=k class=c data="((t, t.lower()) for t in [\'A\', \'<B>\'])" selected=a />'
    assert render(page) == \
        '<div id="k" class="c"><p><input type="radio" name="l" id="k0" value="a" CHECKED>' \
        '<label for="k0">A</label> </p><p><input type="radio" name="l" id="k1" value="&lt;b&gt;">' \
        '<label for="k1">&lt;B&gt;</label> </p></div>'


def test_a_select_has_options_from_data_and_from_its_contents(render: Render) -> None:
    page = '''<f:select name=s label=L id=i class=k multiple data="[('A', 1)]"><f:option value=2 text=B /><f:option
        value="" class=o>none &amp; more</f:option></f:select>'''
    assert render(page, query='s=1&s=2') == \
        '<label for="i">L</label> <select name="s" id="i" MULTIPLE class="k"><option value="1" selected>A</option>' \
        '<option  value="2" SELECTED>B</option><option  value="" class="o">none &amp; more</option></select>'


@pytest.mark.parametrize(('select', 'option', 'query', 'chosen'), [
    ('', '', '', False), ('', 'selected', '', True), ('', 'selected', 's=1', True), ('', 'default', '', True),
    ('', 'default="=1"', 's=1', False), ('', '', 's=2', True), ('default=2', '', '', True),
    ('default=2', '', 's=1', False), ('selected=2', '', 's=1', True), ('selected=1', 'default', '', False),
    ('default=1', 'default', '', True),
])
def test_which_option_is_chosen(render: Render, select: str, option: str, query: str, chosen: bool) -> None:
    html = render(f'<f:select name=s {select}><f:option value="=2" {option}>two</f:option></f:select>', query=query)
    assert checked_values(html) == (['2'] if chosen else [])


def test_the_value_of_an_option_is_by_default_its_text(render: Render) -> None:
    page = '<f:select name=s><f:option> a &amp;\n  b </f:option><f:option text=c /></f:select>'
    assert render(page, query={'s': 'a & b'}).count('<option  SELECTED> a &amp;') == 1
    assert '<option  SELECTED>c<' in render(page, query='s=c')


# -- dates -------------------------------------------------------------------------------------------------------

DATES = '[[ from datetime import date, datetime ]]'


@pytest.mark.parametrize(('attributes', 'query', 'value'), [
    ('', '', ''), ('default="=date(2024, 2, 29)"', '', '2024-02-29'),
    ('value="=datetime(2024, 2, 29, 23, 59)"', '', '2024-02-29'),
    ('default="2024-02-29 10:00:00"', '', '2024-02-29'), ('default=02/29/2024', '', '2024-02-29'),
    ('default=2/9/2024', '', '2024-02-09'), ('default=29.02.2024 format=dd.MM.yyyy', '', '2024-02-29'),
    ('default="3 March 99" format="d MMM yy"', '', '1999-03-03'),
    ('default="Mar 3, 2024" format="NNN d, y"', '', '2024-03-03'),
    ('default=2024-02-29 format="dd.MM.yyyy"', '', '2024-02-29'),
    ('default=2024-02-29', 'd=2024-12-31', '2024-12-31'), ('default=2024-02-29', 'd=12/31/2024', '2024-12-31'),
    ('default=2024-02-29', 'd=', ''), ('', 'd=2023-02-29', '2023-02-29'), ('', 'd=soon%22', 'soon"'),
    ('value=2024-02-29', 'd=2024-12-31', '2024-02-29'), ('default=""', '', ''),
    ('default="100% 02/03/24" format="100% MM/dd/yy"', '', '2024-02-03'),
    ('default=02/29/2024 format="=None"', '', '2024-02-29'),
])
def test_a_date_field_has_an_iso_date(render: Render, attributes: str, query: str, value: str) -> None:
    assert shown(render(f'{DATES}<f:date name=d {attributes} />', query=query)) == value


def test_a_date_field_is_that_of_the_browser(render: Render) -> None:
    assert render(DATES + '<f:date name=d label=Day size=10 format="dd.MM.yyyy" min="=date(2024, 1, 1)" />') == \
        '<label for="d">Day</label> <input type="date" name="d" id="d" value="" min="2024-01-01">'


# -- buttons -----------------------------------------------------------------------------------------------------

def test_a_button(render: Render) -> None:
    assert render('<f:submit with=button name=go value="A & B" class=k />') == \
        '<input type="SUBMIT" name="go" value="A &amp; B" class="k">'
    assert render('<f:submit />') == '<input type="SUBMIT">'
