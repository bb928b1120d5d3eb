"""Active handlers in pages that are out of the ordinary, and fields that no form of the page has."""
from __future__ import annotations

import logging
import re

import pytest

import spyce

BUTTON = '<f:form><f:text name="x"/><f:submit handler="{}" value="Go"/></f:form>'
GO = BUTTON.format('self.go')
SEEN = "<p>[[= getattr(self, 'seen', '-') ]]</p>"
COUNT = {'acts.py': 'calls = []\ndef go(api): calls.append(1)\n'
                    'def again(api):\n  calls.append(1)\n  api.redirect.internal("page.spy")\n',
         'count.spy': '[[ import acts ]][[= len(acts.calls) ]]'}
PUT = {'put.spy': "[[.import name=session]][[ session['a'] = 1 ]]"}


@pytest.fixture
def make(site, tmp_path):
    """make({file: text}): a visitor of that site."""
    return lambda files, **options: site(files, site_data=str(tmp_path / 'data'), **options)


def calls(client):
    return int(client.get('/count.spy').text)


def seen(answer):
    return re.search(r'<p>(.*?)</p>\s*$', answer.text, re.DOTALL)[1]


class TestOnce:
    def test_in_a_page_that_is_included_twice(self, make):
        client = make({**COUNT, 'part.spi': BUTTON.format('acts.go'), 'page.spy': '[[.import name=include]]'
                       '[[ for n in range(2): { include.spyce("part.spi") } ]]'})
        client.press(client.get('/page.spy'), 'Go')
        assert calls(client) == 1

    def test_the_message_of_a_page_that_is_included_twice(self, make):
        client = make({'part.spi': f'[[!\ndef go(self, api): raise HandlerError("X", "wrong")\n]]{GO}',
                       'page.spy': '[[.import name=include]][[ for n in range(2): { include.spyce("part.spi") } ]]'})
        assert client.press(client.get('/page.spy'), 'Go').text.count('wrong') == 1

    def test_when_the_handler_redirects_to_its_own_page(self, make):
        client = make({**COUNT, 'page.spy': 'page' + BUTTON.format('acts.again')})
        answer = client.press(client.get('/page.spy'), 'Go', {'x': 'typed'})
        assert answer.status == 200
        assert answer.text.startswith('page') and 'value="typed"' in answer.text
        assert calls(client) == 1

    def test_the_message_when_the_page_begins_again(self, make):
        client = make({'page.spy': '[[.import name=redirect]][[!\n'
                                   f'def go(self, api): raise HandlerError("X", "wrong")\n]]{GO}'
                                   '[[\\\nstate = response._api.getRequest().state\nif "begun" not in state:\n'
                                   '  state["begun"] = 1\n  redirect.internal("page.spy")\n]]'})
        assert client.press(client.get('/page.spy'), 'Go').text.count('wrong') == 1


class TestFieldsThatTheFormDoesNotHave:
    @pytest.mark.parametrize('name', ['self', 'api', 'x y', '__class__', 'é', '1', ''])
    @pytest.mark.parametrize('signature', ['self, api, **k', 'self, api, /, **k', 'self, **k', 'self, *a, **k'])
    def test_stand_in_no_arguments_way(self, make, name, signature):
        client = make({'page.spy': f'[[!\ndef go({signature}): self.seen = k["x"]\n]]{GO}{SEEN}'})
        assert seen(client.press(client.get('/page.spy'), 'Go', {'x': 'a', name: 'planted'})) == 'a'

    def test_do_not_take_the_place_of_api(self, make):
        client = make({'page.spy': f'[[!\ndef go(self, *a): self.seen = a[0].request.method()\n]]{GO}{SEEN}'})
        assert seen(client.press(client.get('/page.spy'), 'Go', {'a': 'planted'})) == 'POST'

    def test_are_no_other_form_of_a_loop(self, make, caplog):
        client = make({'page.spy': f'[[!\ndef go(self, api): raise HandlerError("X", "wrong")\n]]{GO}'})
        fields = dict(re.findall(r'name="(_submit\w+)" value="([^"]*)"', client.get('/page.spy').text))
        with caplog.at_level(logging.WARNING, 'spyce.page'):
            answer = client.post('/page.spy', {re.sub('^(_submit[0-9a-f]+)', r'\1_7', name): value
                                               for name, value in fields.items()})
        assert answer.status == 200
        assert len([record for record in caplog.records if 'did not show the form' in record.message]) == 1


    def test_reach_a_handler_that_takes_all_in_their_order(self, make):
        client = make({'page.spy': f'[[!\ndef go(self, api, **k): self.seen = ",".join(k)\n]]{GO}{SEEN}'})
        names = [f'f{number}' for number in range(9)]
        answer = client.press(client.get('/page.spy'), 'Go', dict.fromkeys(names, '1'))
        assert seen(answer).split(',') == ['x', *names]


class TestFormsThatWereOpenBefore:
    COUNT = ('[[!\ndef go(self, api): api.session["n"] = self.seen = api.session.get("n", 0) + 1\n]]' + GO + SEEN)

    def test_the_session_began(self, make):
        client = make({'page.spy': self.COUNT})
        first, other_tab = client.get('/page.spy'), client.get('/page.spy')
        assert seen(client.press(first, 'Go')) == '1'
        assert seen(client.press(other_tab, 'Go')) == '2'
        assert seen(client.press(first, 'Go')) == '3'

    def test_another_page_began_it(self, make):
        client = make({**PUT, 'page.spy': self.COUNT})
        first = client.get('/page.spy')
        client.get('/put.spy')
        assert seen(client.press(first, 'Go')) == '1'

    @pytest.mark.parametrize('call', ['regenerate', 'invalidate', 'release'])
    @pytest.mark.parametrize('put', ['', 'api.session["n"] = 1; '])
    def test_the_page_after_a_handler_that_changed_the_session(self, make, put, call):
        client = make({'page.spy': f'[[!\ndef go(self, api): {put}api.session.{call}(); self.seen = "ran"\n]]'
                                   f'{GO}{SEEN}'})
        answer = client.get('/page.spy')
        for _ in range(3):
            answer = client.press(answer, 'Go')
            assert (answer.status, seen(answer)) == (200, 'ran')


class TestLoops:
    ROWS = ('[[\\\nimport rows\n]][[!\ndef save(self, api, key, title): raise HandlerError("Title", "is bad")\n'
            'def remove(self, api, key):\n  import rows\n  rows.keys.remove(key)\n]]'
            '[[ for key in rows.keys: { ]]<f:form><f:hidden name="key" value="=key"/>'
            '<f:text name="title" default="=\'title of \' + key"/><f:checkbox name="c" value="1" default="1"/>'
            '<f:submit handler="self.save" value="=\'Save \' + key"/>'
            '<f:submit handler="self.remove" value="=\'Remove \' + key"/></f:form>[[ } ]]')

    @pytest.fixture
    def client(self, make):
        return make({'page.spy': self.ROWS, 'rows.py': 'keys = ["a", "b", "c"]',
                     'remove.spy': '[[ import rows; rows.keys.remove(request.get1("key")) ]]'})

    def forms(self, answer):
        return re.findall(r'<form.*?</form>', answer.text, re.DOTALL)

    def test_what_was_typed_is_not_shown_in_the_form_that_took_the_place_of_another(self, client):
        answer = client.press(client.get('/page.spy'), 'Remove b', {'title': 'typed', 'c': None})
        assert 'typed' not in answer.text
        assert re.findall('value="(title of .)"', answer.text) == ['title of a', 'title of c']
        assert answer.text.count('CHECKED') == 2

    def test_nor_is_a_message(self, client, caplog):
        first = client.get('/page.spy')
        client.get('/remove.spy', {'key': 'a'})
        with caplog.at_level(logging.WARNING, 'spyce.page'):
            answer = client.press(first, 'Save b', {'title': 'typed'})
        for wrong in 'typed', 'is bad', 'aria-invalid':
            assert wrong not in answer.text
        assert 'did not show the form' in caplog.text

    def test_they_stand_in_the_form_that_was_sent(self, client):
        for key, number in zip('abc', range(3), strict=True):
            forms = self.forms(client.press(client.get('/page.spy'), f'Save {key}', {'title': 'typed', 'c': None}))
            for text in 'typed', 'is bad', 'aria-invalid':
                assert [text in form for form in forms] == [place == number for place in range(3)]
            assert re.match('<form[^>]*>\\s*<div class="validationerror"', forms[number])
            assert 'CHECKED' not in forms[number]

    def test_a_form_that_stands_once_may_change_its_hidden_fields(self, make):
        client = make({'page.spy': '[[!\nstep = 1\ndef go(self, api, step, name): self.step = step + 1\n]]'
                                   '<f:form><f:hidden name="step:int" value="=self.step"/><f:text name="name"/>'
                                   '<f:submit handler="self.go" value="Go"/></f:form>'})
        answer = client.press(client.get('/page.spy'), 'Go', {'name': 'typed'})
        assert 'value="2"' in answer.text and 'value="typed"' in answer.text


class TestMethods:
    def test_one_that_the_page_computes(self, make):
        client = make({'page.spy': '[[!\ndef go(self, api, x): self.seen = x + api.request.method()\n]]'
                                   + GO.replace('<f:form>', '<f:form method="=request.get1(\'how\')">') + SEEN})
        for how in 'GET', 'POST':
            first = client.get('/page.spy', {'how': how})
            assert seen(client.press(first, 'Go', {'x': 'a'})) == f'a{how}'
            fields = dict(re.findall(r'name="(_submit\w+)" value="([^"]*)"', first.text))
            other = client.post('/page.spy', fields) if how == 'GET' else client.get('/page.spy', fields)
            assert (other.status, seen(other)) == (403, '-')

    def test_that_of_the_pages_form_counts_for_a_button_of_a_collection(self, make):
        client = make({'own.spi': '[[.tagcollection]][[.begin name=go singleton=True]]'
                                  '<f:submit handler="self.go" value="Go"/>[[.end]]',
                       'page.spy': '[[.taglib from=own.spi as=own]][[!\ndef go(self, api): self.seen = "ran"\n]]'
                                   f'<f:form method="GET"><own:go/></f:form>{SEEN}'})
        assert seen(client.press(client.get('/page.spy'), 'Go')) == 'ran'


class TestPagesThatGiveTokens:
    @pytest.mark.parametrize('has_session', [False, True])
    @pytest.mark.parametrize('options', ['readonly=True', "lock='merge'", "lock='request'"])
    def test_whatever_they_want_of_the_session(self, make, options, has_session):
        client = make({**PUT, 'page.spy': f'[[.import name=session args="{options}"]][[= session.get("a") ]]'
                                          f'[[!\ndef go(self, api): self.seen = "ran"\n]]{GO}{SEEN}'})
        if has_session:
            client.get('/put.spy')
        assert seen(client.press(client.get('/page.spy'), 'Go')) == 'ran'

    @pytest.mark.parametrize('has_session', [False, True])
    @pytest.mark.parametrize('call', ['session.rollback()', 'session.invalidate()', 'session.regenerate()',
                                      'session.release()'])
    def test_after_a_change_of_the_session(self, make, call, has_session):
        client = make({**PUT, 'page.spy': f'[[.import name=session]][[ session.get("a"); {call} ]]'
                                          f'[[!\ndef go(self, api): self.seen = "ran"\n]]{GO}{SEEN}'})
        if has_session:
            client.get('/put.spy')
        assert seen(client.press(client.get('/page.spy'), 'Go')) == 'ran'

    @pytest.mark.parametrize('call', ['response.flush()', 'response.unbuffer()'])
    def test_when_the_headers_are_sent_there_is_an_error_with_the_remedy(self, make, call, caplog):
        page = f'[[.import name=session]][[ {{0}}{call} ]][[!\ndef go(self, api): self.seen = "ran"\n]]{GO}{SEEN}'
        client = make({'page.spy': page.replace('{0}', ''), 'good.spy': page.replace('{0}', 'session.token(); ')})
        client.get('/page.spy')
        assert '<f:submit> has a handler' in caplog.text and 'Call session.token() before' in caplog.text
        assert seen(client.press(client.get('/good.spy'), 'Go')) == 'ran'
        assert seen(client.press(client.get('/page.spy'), 'Go')) == 'ran'  # the browser has the cookie now

    @pytest.mark.parametrize('call', ['response.flush()', 'response.unbuffer()'])
    def test_a_session_has_one_even_then(self, make, call):
        client = make({**PUT, 'page.spy': f'[[ {call} ]][[!\ndef go(self, api): self.seen = "ran"\n]]{GO}{SEEN}'})
        client.get('/put.spy')
        assert seen(client.press(client.get('/page.spy'), 'Go')) == 'ran'

    def test_a_page_for_a_program_has_none(self, tmp_path):
        (tmp_path / 'page.spy').write_text(GO)
        assert '_token' not in spyce.render(tmp_path / 'page.spy')


def test_errors_of_several_checks_can_be_put_together(make):
    client = make({'page.spy': '''[[!
def check(self, name):
    from spyceException import CompoundHandlerError
    errors = CompoundHandlerError()
    errors.add(HandlerError(name, 'is short'))
    errors.add(HandlerError(name, 'is odd'))
    return errors
def go(self, api):
    from spyceException import CompoundHandlerError
    errors = CompoundHandlerError()
    errors.add(self.check('A'))
    errors.add(HandlerError('B', 'is bad'))
    raise errors
]]''' + GO})
    answer = client.press(client.get('/page.spy'), 'Go')
    for message in 'A: is short', 'A: is odd', 'B: is bad':
        assert f'<li>{message}</li>' in answer.text


def test_a_press_keeps_the_query_of_the_forms_address(make):
    client = make({'page.spy': '<form method="post" action="?a=1"><input type="submit" value="Go"></form>'
                               '[[= request.get1("a") ]] [[= request.method() ]]'})
    assert client.press(client.get('/page.spy'), 'Go').text.strip().endswith('1 POST')


def test_a_name_that_can_be_no_tag_stops_the_start(make):
    with pytest.raises(spyce.config.ConfigError, match='validation_render'):
        make({}, validation_render='validation')
