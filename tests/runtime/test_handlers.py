"""Active handlers: which of them run, with what, and what a visitor sees of it."""
from __future__ import annotations

import logging
import re
import threading
from html import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spyce.testing import Client

FORM = '<f:form>{fields}<f:submit handler="{handler}" value="Go"/></f:form>'


def page(code: str, fields: str = '<f:text name="x"/>', handler: str = 'self.go', rest: str = '') -> str:
    """A page whose class chunk is `code`; it prints what its handlers have put into self.seen."""
    return f"[[!\n{code}\n]]{FORM.format(fields=fields, handler=handler)}<p>[[= getattr(self, 'seen', '-') ]]</p>{rest}"


def seen(answer):
    return re.search(r'<p>(.*?)</p>\s*$', answer.text, re.DOTALL)[1]


@pytest.fixture
def make(site, tmp_path):
    """make({file: text}): a visitor of that site."""
    return lambda files, **options: site(files, site_data=str(tmp_path / 'data'), **options)


@pytest.fixture
def press(make):
    """press(page source, x=...): open the page, fill in, and press its button Go."""
    def press_go(source, options=None, files=None, **fill):
        client = make({'page.spy': source, **(files or {})}, **(options or {}))
        return client.press(client.get('/page.spy'), 'Go', fill=fill)
    return press_go


class TestWhichRun:
    TWO = page('seen = ""\ndef one(self, api): self.seen += "1"\ndef two(self, api): self.seen += "2"', '',
               handler='self.one, self.two')

    def test_all_of_a_list_in_order(self, press):
        assert seen(press(self.TWO)) == '12'

    def test_until_one_raises(self, press):
        source = page('seen = ""\ndef one(self, api): raise HandlerError(None, "no")\n'
                      'def two(self, api): self.seen += "2"', '', handler='self.one,self.two')
        answer = press(source)
        assert seen(answer) == ''
        assert 'no' in answer.text

    def test_none_without_a_press(self, make):
        assert seen(make({'page.spy': self.TWO}).get('/page.spy')) == ''

    def test_of_an_included_page_and_a_parent(self, make):
        client = make({
            'page.spy': '<spy:parent src="p.spi"/>[[.import name=include]][[ include.spyce("part.spi") ]]',
            'part.spi': page('def go(self, api, x): self.seen = "part " + x'),
            'p.spi': '[[!\ndef top(self, api): self.seen = "top"\n]]<f:form><f:submit handler="self.top" value="Up"/>'
                     '</f:form>[[= child._body ]][[= getattr(self, "seen", "") ]]'})
        assert 'part a' in client.press(client.get('/page.spy'), 'Go', {'x': 'a'}).text
        assert client.press(client.get('/page.spy'), 'Up').text.rstrip().endswith('top')

    def test_a_button_within_a_lambda(self, press):
        source = '[[!\ndef go(self, api, x): self.seen = x\n]][[ show = [[spy: ' + \
            FORM.format(fields='<f:text name="x"/>', handler='self.go') + ' ]] ]][[ show() ]]' \
            "<p>[[= getattr(self, 'seen', '-') ]]</p>"
        assert seen(press(source, x='a')) == 'a'

    def test_a_method_that_is_not_there_is_an_error_that_says_so(self, press, caplog):
        assert press(page('pass', handler='self.nothing')).status == 500
        assert 'handler="self.nothing": there is no such method of the page' in caplog.text

    def test_a_function_that_is_not_there_too(self, press, caplog):
        assert press(page('pass', handler='acts.nothing'), files={'acts.py': ''}).status == 500
        assert 'there is no such function of that module' in caplog.text

    @pytest.mark.parametrize('handler', ['go', '=x', 'self.', 'os.system(1)', 'self.a b'])
    def test_what_cannot_be_a_handler_is_an_error_of_the_page(self, make, handler):
        answer = make({'page.spy': page('pass', handler=handler)}, debug=True).get('/page.spy')
        assert answer.status == 500
        assert 'MODULE.NAME' in answer.text

    @pytest.mark.parametrize('code', [
        'async def go(self, api, x): self.seen = x', 'def go(self, api, x): self.seen = x; yield',
        'async def go(self, api, x): yield'])
    def test_a_function_that_would_do_nothing_is_an_error_that_says_so(self, press, caplog, code):
        press(page(code))
        assert 'handler="self.go": a handler is a plain function' in caplog.text

    def test_a_button_that_the_page_has_no_more_is_logged(self, make, tmp_path, caplog):
        client = make({'page.spy': page('def go(self, api, x): self.seen = x')})
        before = client.get('/page.spy')
        (tmp_path / 'www0' / 'page.spy').write_text(
            page('def went(self, api, x): self.seen = x', handler='self.went'))
        with caplog.at_level(logging.WARNING, 'spyce.page'):
            assert seen(client.press(before, 'Go')) == '-'
        assert 'page.spy: a button was pressed that no page has' in caplog.text

    def test_a_handler_may_end_the_page_or_send_it_elsewhere(self, make):
        client = make({'page.spy': page('def go(self, api, x):\n  if x: api.redirect.internal(x)\n'
                                        '  api.response.write("end"); api.response.end()'),
                       'other.spy': 'other'})
        first = client.get('/page.spy')
        assert client.press(first, 'Go').text == 'end'
        assert client.press(first, 'Go', {'x': 'other.spy'}).text == 'other\n'

    def test_any_other_exception_is_an_error_of_the_page(self, press):
        assert press(page('def go(self, api, x): 1 / 0'), {'debug': True}).status == 500

    def test_the_id_of_a_form_stays_when_the_page_is_edited(self, make, tmp_path):
        client = make({'page.spy': page('def go(self, api, x): self.seen = x')})
        before = client.get('/page.spy')
        (tmp_path / 'www0' / 'page.spy').write_text('<h1>New</h1>' + page('def go(self, api, x): self.seen = x + "!"'))
        assert seen(client.press(before, 'Go', {'x': 'a'})) == 'a!'


class TestArguments:
    @pytest.mark.parametrize(('signature', 'result'), [
        ('self, api, x', 'x'), ('self, page, x', 'x'), ('self, api, *, x', 'x'),
        ('self, api, x, /', 'x'), ('self, api, x, y="d"', 'x + y'), ('self, api, **k', 'k["x"]'),
        ('self, *a, x', 'x')])
    def test_come_by_name(self, press, signature, result):
        expected = 'ad' if 'y' in signature else 'a'
        assert seen(press(page(f'def go({signature}): self.seen = {result}'), x='a')) == expected

    def test_what_is_sent_never_takes_the_place_of_the_api(self, press):
        body = 'def go(self, page, x): self.seen = type(page).__name__ + x'
        assert seen(press(page(body), x='a', page='b', api='c')) == 'moduleFindera'

    def test_a_handler_may_take_none_at_all(self, press):
        assert seen(press(page('def go(self): self.seen = "ran"'))) == 'ran'

    def test_only_fields_that_a_handler_names_reach_it(self, press):
        assert seen(press(page('def go(self, api, x, **more): self.seen = sorted(more)'),
                          x='a', y='b', _spy_z='c')) == "['y']"

    def test_the_query_does_not_count_in_a_form_that_is_sent_by_post(self, make):
        client = make({'page.spy': page('def go(self, api, x): self.seen = x', fields='')})
        form = re.findall(r'name="(_submit\w+)" value="([^"]*)"', client.get('/page.spy').text)
        answer = client.post('/page.spy', dict(form), query={'x': 'planted'})
        assert 'x: is missing' in answer.text
        assert seen(answer) == '-'

    @pytest.mark.parametrize(('field', 'text', 'value'), [
        ('x:int', ' 42 ', '42'), ('x:int', '-7', '-7'), ('x:float', '1e3', '1000.0'), ('x:float', '.5', '0.5'),
        ('x:bool', 'Yes', 'True'), ('x:bool', '', 'False'), ('x:bool', '2', 'True'), ('x:bool', 'off', 'False'),
        ('x:list', 'a', "['a']"), ('x:list:int', '4', '[4]'), ('x:int:list', '4', '[4]'), ('x', '1:2', '1:2')])
    def test_names_of_fields_convert(self, press, field, text, value):
        answer = press(page('def go(self, api, x): self.seen = x', f'<f:text name="{field}"/>'), **{field: text})
        assert seen(answer).replace('&#39;', "'") == value

    @pytest.mark.parametrize(('kind', 'text'), [
        ('int', 'many'), ('int', ''), ('int', '1.5'), ('int', '1_0'), ('int', '٣'), ('int', '9' * 5000), ('int', '0x1'),
        ('float', 'nan'), ('float', 'inf'), ('float', '1e999'), ('float', '1_0.0'), ('float', ''), ('bool', 'maybe'),
        ('list:int', 'a')])
    def test_what_is_not_of_the_kind_is_told_at_the_form_and_no_handler_runs(self, press, kind, text):
        answer = press(page('def go(self, api, x): self.seen = "ran"', f'<f:text name="x:{kind}"/>'),
                       **{f'x:{kind}': text})
        assert answer.status == 200
        assert 'validationerror' in answer.text
        assert 'x: must be' in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert f'value="{escape(text)}"' in answer.text
        assert seen(answer) == '-'

    def test_an_empty_number_is_the_default(self, press):
        assert seen(press(page('def go(self, api, x=5): self.seen = x', '<f:text name="x:int"/>'))) == '5'

    def test_all_that_is_wrong_is_told_at_once(self, press):
        answer = press(page('def go(self, api, x, y, z): pass', '<f:text name="x:int"/><f:text name="y:float"/>'))
        for message in 'x: must be a whole number', 'y: must be a number', 'z: is missing':
            assert message in answer.text

    def test_an_upload_is_what_request_file_gives(self, make):
        client = make({'page.spy': page('def go(self, api, x): self.seen = x.filename + " " + x.value.decode()',
                                        '<input type="file" name="x">')})
        form = dict(re.findall(r'name="(_submit\w+)" value="([^"]*)"', client.get('/page.spy').text))
        assert seen(client.post('/page.spy', form, files={'x': ('a.txt', b'hello', 'text/plain')})) == 'a.txt hello'

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(text=st.text(max_size=40), kind=st.sampled_from(['', ':int', ':float', ':bool', ':list', ':list:float']))
    def test_whatever_is_sent_the_page_is_shown(self, make, text, kind):
        if not hasattr(self, 'client'):
            type(self).client = make({'any.spy': page('def go(self, api, x): self.seen = "ran"',
                                                      '<f:text name="x"/>')})
        answer = self.client.press(self.client.get('/any.spy'), 'Go', {'x': None, f'x{kind}': text})
        assert answer.status == 200
        assert (seen(answer) == 'ran') != ('validationerror' in answer.text)


class TestMessages:
    @pytest.mark.parametrize('text', [
        '[[= 6*7 ]]', '<%= 6*7 %>', 'a"b', '<b>', ']]', '<f:text name="q"/>', '[[ 1/0 ]]'])
    def test_a_message_is_text_whatever_is_in_it(self, press, text):
        answer = press(page('def go(self, api, x): raise HandlerError("Field", "no " + x)'), x=text)
        assert answer.status == 200
        assert f'Field: no {escape(text)}' in answer.text
        assert '42' not in answer.text.partition('<input type="hidden"')[0]

    def test_messages_leave_nothing_compiled_behind(self, make):
        client = make({'page.spy': page('def go(self, api, x): raise HandlerError("Field", x)')})
        first = client.get('/page.spy')
        client.press(first, 'Go', {'x': 'a'})
        before = len(client.app.server.spyce_cache._entries)
        for number in range(20):
            client.press(first, 'Go', {'x': f'message {number}'})
        assert len(client.app.server.spyce_cache._entries) == before

    def test_it_stands_in_the_form_whose_button_was_pressed(self, press):
        source = page('def go(self, api, x): raise HandlerError("X", "wrong")',
                      rest='<f:form><f:text name="x"/><f:submit handler="self.other" value="Other"/></f:form>')
        answer = press(source, x='typed')
        first, second = re.findall(r'<form.*?</form>', answer.text, re.DOTALL)
        assert 'wrong' in first and 'value="typed"' in first and 'aria-invalid' in first
        assert 'wrong' not in second and 'typed' not in second

    def test_of_forms_in_a_loop_in_that_which_was_sent(self, make):
        client = make({'page.spy': '[[!\ndef go(self, api, n, x): raise HandlerError("X", "wrong")\n]]'
                                   '[[ for n in range(3): { ]]<f:form><f:hidden name="n:int" value="=n"/>'
                                   '<f:text name="x"/><f:submit handler="self.go" value="=\'Go%d\' % n"/></f:form>'
                                   '[[ } ]]'})
        answer = client.press(client.get('/page.spy'), 'Go1', {'x': 'typed'})
        forms = re.findall(r'<form.*?</form>', answer.text, re.DOTALL)
        assert ['wrong' in form for form in forms] == [False, True, False]
        assert ['typed' in form for form in forms] == [False, True, False]

    def test_a_box_that_was_unchecked_stays_so(self, press):
        source = page('def go(self, api, x): raise HandlerError("X", "wrong")',
                      '<f:text name="x"/><f:checkbox name="c" value="1" default="1"/>')
        assert 'CHECKED' not in press(source, x='a', c=None).text

    def test_one_that_no_form_shows_is_logged(self, make, caplog):
        client = make({'page.spy': "[[!\ndef go(self, api): raise HandlerError('X', 'wrong')\n]]"
                                   "[[ if request.method() == 'GET': { ]]" + FORM.format(fields='', handler='self.go')
                                   + '[[ } ]]'})
        with caplog.at_level(logging.WARNING, 'spyce.page'):
            client.press(client.get('/page.spy'), 'Go')
        assert "a handler raised 'X: wrong', and the page did not show the form" in caplog.text

    def test_the_config_names_the_tag_that_shows_it(self, press):
        own = '[[.tagcollection]][[.begin name=oops singleton=True]][[.attr name=err]]' \
            '<em>[[= err.description ]]</em>[[.end]]'
        tags = [('core', None, 'spy'), ('form', None, 'f'), ('own', 'own.spi', 'own')]
        answer = press(page('def go(self, api, x): raise HandlerError("X", "wrong")'),
                       {'globaltags': tags, 'validation_render': 'own:oops'}, {'own.spi': own})
        assert '<em>wrong</em>' in answer.text


class TestTokens:
    GO = page('def go(self, api, x): self.seen = x or "d"')

    def fields(self, answer):
        return dict(re.findall(r'name="(_submit\w+)" value="([^"]*)"', answer.text))

    def test_without_its_token_a_button_does_nothing(self, make):
        client = make({'page.spy': self.GO})
        fields = {name: value for name, value in self.fields(client.get('/page.spy')).items() if 'token' not in name}
        for token in ({}, *({f'{name}_token': wrong} for name in fields for wrong in ('', 'x', 'é' * 86))):
            answer = client.post('/page.spy', {**fields, 'x': 'typed', **token})
            assert answer.status == 403
            assert seen(answer) == '-'
            assert 'This form is not valid any more' in answer.text
            assert 'value="typed"' in answer.text

    def test_nothing_is_stored_for_a_visitor_who_only_looks(self, make):
        client = make({'page.spy': self.GO})
        client.get('/page.spy')
        assert client.app.server.sessions.stats()['live'] == 0
        assert list(client.cookies) == ['sessionid-form']

    def test_it_is_the_visitors_own(self, make):
        client = make({'page.spy': self.GO})
        stranger = Client(client.app)
        stranger.get('/page.spy')
        assert stranger.press(client.get('/page.spy'), 'Go').status == 403

    def test_it_is_for_one_button(self, make):
        client = make({'page.spy': page('def go(self, api): self.seen = 1\ndef admin(self, api): self.seen = 2',
                                        '[[ if request.get1("admin"): { ]]<f:submit handler="self.admin" '
                                        'value="Admin"/>[[ } ]]')})
        shown = self.fields(client.get('/page.spy'))
        hidden = next(name for name in self.fields(Client(client.app).get('/page.spy?admin=1'))
                      if name not in shown and 'token' not in name)
        token = next(value for name, value in shown.items() if 'token' in name)
        answer = client.post('/page.spy', {hidden: 'Admin', f'{hidden}_token': token})
        assert (answer.status, seen(answer)) == (403, '-')

    def test_a_form_that_is_sent_by_post_does_nothing_by_get(self, make):
        client = make({'page.spy': self.GO})
        answer = client.get('/page.spy', query=self.fields(client.get('/page.spy')))
        assert (answer.status, seen(answer)) == (200, '-')

    def test_one_that_says_get_works_by_get_only(self, make):
        client = make({'page.spy': self.GO.replace('<f:form>', '<f:form method="get">')})
        first = client.get('/page.spy')
        assert seen(client.press(first, 'Go', {'x': 'a'})) == 'a'
        assert seen(client.post('/page.spy', self.fields(first))) == '-'
        assert client.get('/page.spy', query={name: value for name, value in self.fields(first).items()
                                              if 'token' not in name}).status == 403

    def test_a_form_from_before_login_is_told_that_it_is_too_old(self, make):
        client = make({'page.spy': self.GO, 'login.spy': '[[.import name=session]][[ session.regenerate(); '
                                                         'session["user"] = 1 ]]'})
        before = client.get('/page.spy')
        client.get('/login.spy')
        assert client.press(before, 'Go').status == 403
        assert seen(client.press(client.get('/page.spy'), 'Go')) == 'd'

    def test_the_config_can_do_without(self, make):
        client = make({'page.spy': self.GO}, handler_tokens=False)
        first = client.get('/page.spy')
        assert '_token' not in first.text
        assert list(client.cookies) == []
        assert seen(client.press(first, 'Go')) == 'd'

    def test_a_page_with_a_token_is_not_cached(self, make):
        assert make({'page.spy': self.GO}).get('/page.spy').headers['Cache-Control'] == 'no-store'

    def test_without_them_a_form_whose_method_is_not_written_down_is_sent_by_post(self, make):
        source = self.GO.replace('<f:form', '<f:form method="=way"', 1)
        client = make({'page.spy': f'[[\\way = "post"]]{source}'}, handler_tokens=False)
        first = client.get('/page.spy')
        assert seen(client.get('/page.spy', query={**self.fields(first), 'x': 'a'})) == '-'
        assert seen(client.press(first, 'Go')) == 'd'

    def test_a_tag_of_a_site_has_one_too(self, make):
        library = '''
from spyceTag import spyceTagLibrary, spyceTagPlus
class tag_go(spyceTagPlus):
    name = 'go'
    handlers = ['self.go']
    def begin(self):
        names = ' '.join('%s="%s"' % item for item in self.getHandlerAttributes().items())
        self.getOut().write('<button %s>Go</button>' % names)
class own(spyceTagLibrary):
    tags = [tag_go]
'''
        client = make({'page.spy': '[[.taglib name=own]][[!\ndef go(self, api): self.seen = "ran"\n]]'
                                   '<f:form><own:go/></f:form><p>[[= getattr(self, "seen", "-") ]]</p>',
                       'own.py': library})
        assert seen(client.press(client.get('/page.spy'), 'Go')) == 'ran'


def test_what_a_handler_did_in_the_database_before_it_complained_is_undone(make, tmp_path):
    pytest.importorskip('sqlalchemy')
    import sqlite3

    from spyce.db import open_db
    with sqlite3.connect(tmp_path / 'data.db') as connection:
        connection.execute('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)')
    connection.close()
    source = page('def go(self, api, x):\n  api.db.notes.insert(text=x)\n'
                  '  if x == "bad": raise HandlerError("X", "no")',
                  rest='<i>[[= [note.text for note in db.notes.select()] ]]</i>')
    database = open_db(f'sqlite:///{tmp_path / "data.db"}')
    client = make({'page.spy': source}, db=database)
    assert '<i>[]</i>' in client.press(client.get('/page.spy'), 'Go', {'x': 'bad'}).text
    client.press(client.get('/page.spy'), 'Go', {'x': 'good'})
    assert "<i>['good']</i>" in client.get('/page.spy').text
    database.engine.dispose()


def test_presses_at_once_undo_nothing(make):
    client = make({'page.spy': page('def go(self, api): api.session["n"] = api.session.get("n", 0) + 1', '',
                                    rest='[[.import name=session]][[ session.setdefault("n", 0) ]]'),
                   'count.spy': '[[.import name=session]][[= session["n"] ]]'}, session_lock_waiters=40)
    client.get('/page.spy')
    first = client.get('/page.spy')
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(client.press(first, 'Go').status)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40
    assert client.get('/count.spy').text.strip() == '40'
