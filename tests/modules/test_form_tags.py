"""The library `form`: what each tag prints, and what of a request it shows again."""
from __future__ import annotations

from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spyce.tags.core import attribute_text

import spyce
from spyce.runtime.exceptions import SpyceError
from spyce.testing import Client, Response

Render = Callable[..., str]

HOSTILE = ['"><script>alert(1)</script>', "'><img src=x onerror=alert(1)>", '</textarea><script>x</script>',
           '</option></select><script>x</script>', '</label></title><b>', '&lt;b&gt; &amp; &quot;',
           '[[= 6*7 ]]<%= 1 %>', '<!--', ']]>', '\n two\nlines', 'ä€𝄞 " \\" `']


class Parsed(HTMLParser):
    """Tags with their attributes, and the text in each, as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self._raw = ''
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag != 'input':
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]] = self.texts.get(self._open[-1], '') + data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f'a comment: {data!r}')

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f'a declaration: {decl!r}')

    unknown_decl = handle_pi = handle_decl

    def names(self) -> list[str]:
        return [tag for tag, _ in self.tags]

    def attributes(self, tag: str) -> dict[str, str | None]:
        return next(attributes for name, attributes in self.tags if name == tag)


class Site:
    """A site of one page, whose source can be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.given: dict[str, Any] = {}
        self.app = spyce.make_app(str(root), debug=True, globals={'given': self.given}, check_mtime=False)
        self._names: dict[str, str] = {}

    def answer(self, source: str, query: Any = '', post: Any = None, given: Any = None) -> Response:
        if source not in self._names:
            name = f'page{len(self._names)}.spy'
            (self.root / name).write_text('[[ v = response._api.getServerGlobals()["given"].get("v") ]]' + source)
            self._names[source] = name
        self.given['v'] = given
        return Client(self.app).request('GET' if post is None else 'POST', '/' + self._names[source], query=query,
                                        data=post)

    def render(self, source: str, query: Any = '', post: Any = None, given: Any = None) -> str:
        answer = self.answer(source, query, post, given)
        assert answer.status == 200, answer.text
        return answer.text.strip()


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


# -- hostile text ------------------------------------------------------------------------------------------------

SENT = {  # tags that show what was sent in x, and where
    '<f:text name=x />': ('input', 'value'),
    '<f:hidden name=x />': ('input', 'value'),
    '<f:date name=x />': ('input', 'value'),
    '<f:textarea name=x />': ('textarea', None),
}
GIVEN = {  # tags that show v, where, and which tags are in the output
    '<f:form action="=v">-</f:form>': ('form', 'action', 'form'),
    '<f:form class="=v">-</f:form>': ('form', 'class', 'form'),
    '<f:submit value="=v" />': ('input', 'value', 'input'),
    '<f:text name="=v" />': ('input', 'name', 'input'),
    '<f:text name=x id="=v" />': ('input', 'id', 'input'),
    '<f:text name=x class="=v" />': ('input', 'class', 'input'),
    '<f:text name=x value="=v" />': ('input', 'value', 'input'),
    '<f:text name=x default="=v" />': ('input', 'value', 'input'),
    '<f:text name=x label="=v" />': ('label', None, 'label input'),
    '<f:text name=x label=l id="=v" />': ('label', 'for', 'label input'),
    '<f:password name=x default="=v" />': ('input', 'value', 'input'),
    '<f:hidden name=x value="=v" />': ('input', 'value', 'input'),
    '<f:date name=x label="=v" />': ('label', None, 'label input'),
    '<f:date name=x default="=v" />': ('input', 'value', 'input'),
    '<f:textarea name=x label="=v" />': ('label', None, 'label textarea'),
    '<f:textarea name=x value="=v" />': ('textarea', None, 'textarea'),
    '<f:textarea name=x default="=v" />': ('textarea', None, 'textarea'),
    '<f:textarea name=x rows="=v" />': ('textarea', 'rows', 'textarea'),
    '<f:radio name=x value="=v" />': ('input', 'value', 'input'),
    '<f:checkbox name=x value=1 label="=v" />': ('label', None, 'input label'),
    '<f:radiolist name=x data="[(v, 1)]" />': ('label', None, 'div p input label'),
    '<f:checkboxlist name=x data="[(1, v)]" />': ('input', 'value', 'div p input label'),
    '<f:checkboxlist name=x data="[]" class="=v" />': ('div', 'class', 'div'),
    '<f:radiolist name=x data="[(1, 1)]" id="=v" />': ('div', 'id', 'div p input label'),
    '<f:select name=x data="[(v, 1)]" />': ('option', None, 'select option'),
    '<f:select name=x data="[(1, v)]" />': ('option', 'value', 'select option'),
    '<f:select name=x label="=v" />': ('label', None, 'label select'),
    '<f:select name=x size="=v" />': ('select', 'size', 'select'),
    '<f:select name=x><f:option text="=v" /></f:select>': ('option', None, 'select option'),
    '<f:select name=x><f:option value="=v" /></f:select>': ('option', 'value', 'select option'),
    '<f:select name=x><f:option value=1 class="=v" /></f:select>': ('option', 'class', 'select option'),
}


def found(html: str, tag: str, attribute: str | None) -> str | None:
    parsed = Parsed(html)
    if attribute is not None:
        return parsed.attributes(tag)[attribute]
    text = parsed.texts.get(tag, '')
    return text[1:] if tag == 'textarea' and text.startswith('\n') else text


def check_sent(site: Site, source: str, text: str) -> None:
    tag, attribute = SENT[source]
    for html in (site.render(source, query={'x': text}), site.render(source, post={'x': text})):
        assert Parsed(html).names() == [tag]
        assert found(html, tag, attribute) == text


def check_given(site: Site, source: str, text: str) -> None:
    tag, attribute, tags = GIVEN[source]
    html = site.render(source, given=text)
    assert Parsed(html).names() == tags.split()
    assert found(html, tag, attribute) == text


@pytest.mark.parametrize('text', HOSTILE)
@pytest.mark.parametrize('source', SENT)
def test_what_was_sent_is_shown_as_text(site: Site, source: str, text: str) -> None:
    check_sent(site, source, text)


@pytest.mark.parametrize('text', HOSTILE)
@pytest.mark.parametrize('source', GIVEN)
def test_what_a_page_gives_is_shown_as_text(site: Site, source: str, text: str) -> None:
    check_given(site, source, text)


@pytest.mark.parametrize('source', [
    '<f:password name=x />', '<f:radio name=x value=1 />', '<f:checkbox name=x value=1 />',
    '<f:radiolist name=x data="[(1, 1)]" />', '<f:checkboxlist name=x data="[(1, 1)]" />',
    '<f:select name=x data="[(1, 1)]" />', '<f:select name=x><f:option value=1>o</f:option></f:select>',
    '<f:form>-</f:form>',
])
@pytest.mark.parametrize('text', HOSTILE)
def test_other_tags_show_nothing_of_what_was_sent(site: Site, source: str, text: str) -> None:
    assert site.render(source, query={'x': text}) == site.render(source, query={'x': ''})


ANY_TEXT = st.text(st.characters(blacklist_categories=['Cs'], blacklist_characters='\r'), max_size=40) \
    .map(lambda text: f'x{text}x')
PIECES = st.lists(st.sampled_from(['<', '>', '"', "'", '&', '/', '=', '`', '&lt', '&#60;', '</textarea', '-->',
                                   '<!--', 'script', ' ', 'a']), max_size=12).map(lambda parts: f'x{"".join(parts)}x')


@given(source=st.sampled_from(sorted(SENT)), text=ANY_TEXT | PIECES)
def test_any_text_that_was_sent(site: Site, source: str, text: str) -> None:
    check_sent(site, source, text)


@given(source=st.sampled_from(sorted(GIVEN)), text=ANY_TEXT | PIECES)
def test_any_text_that_a_page_gives(site: Site, source: str, text: str) -> None:
    check_given(site, source, text)


def test_names_of_attributes_are_checked() -> None:
    for name in ('a b', 'a"', 'a=b', '', 'a>', "a'", 'a/b', '<a', 'a\x00'):
        with pytest.raises(SpyceError, match='cannot be the name of an HTML attribute'):
            attribute_text({name: '1'})
