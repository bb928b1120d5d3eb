"""What a form shows when the page that it was sent to runs: in which form, and whatever ends the page."""
from __future__ import annotations

import re

import pytest

BAD = '[[!\ndef go(self, api, x): raise HandlerError("X", "wrong")\n]]'
GOOD = '[[!\ndef go(self, api, x): pass\n]]'
FIELDS = '<f:text name="x" default="own"/><f:checkbox name="c" value="1" default/>'
FORM = f'<f:form>{FIELDS}<f:submit handler="self.go" value="Go"/></f:form>'
LOOP = '[[ for n in range(3): { ]]' + FORM.replace('"Go"', '''"='Go%d' % n"''') + '[[ } ]]'
LAMBDA = '[[ show = [[spy n: ' + FORM.replace('"Go"', '''"='Go%d' % n"''') + ']] ]][[ for n in range(3): { show(n) } ]]'
INCLUDE = '[[.import name=include]][[ for n in range(3): { include.spyce("row.spi", n) } ]]'
ROW = '[[.import name=include]]' + FORM.replace('"Go"', '''"='Go%d' % include.context"''')
CARDS = '[[.taglib from=cards.spi as=my]][[ for n in range(3): { ]]<my:card n="=n"/>[[ } ]]'
CARD = '[[.tagcollection]][[.begin name=card singleton=True]][[.attr name=n]]' \
    + FORM.replace('"Go"', '''"='Go%d' % n"''') + '[[.end]]'


@pytest.fixture
def make(site, tmp_path):
    """make({file: text}): a visitor of that site."""
    return lambda files, **options: site(files, site_data=str(tmp_path / 'data'), **options)


def forms(answer):
    return re.findall(r'<form.*?</form>', answer.text, re.DOTALL)


class TestFormsThatStandSeveralTimes:
    @pytest.fixture(params=['loop', 'lambda', 'include', 'collection'])
    def press(self, make, request):
        source = {'loop': LOOP, 'lambda': LAMBDA, 'include': INCLUDE, 'collection': CARDS}[request.param]

        def press_go(handlers, button):
            own = handlers if request.param != 'include' else ''
            client = make({'page.spy': own + source, 'row.spi': handlers + ROW, 'cards.spi': CARD})
            return client.press(client.get('/page.spy'), button, {'x': 'typed', 'c': None})
        return press_go

    @pytest.mark.parametrize('number', range(3))
    def test_one_whose_handler_complained_shows_what_was_sent_and_no_other_does(self, press, number):
        found = forms(press(BAD, f'Go{number}'))
        for text in 'typed', 'wrong', 'aria-invalid':
            assert [text in form for form in found] == [place == number for place in range(3)]
        assert ['CHECKED' in form for form in found] == [place != number for place in range(3)]

    @pytest.mark.parametrize('number', range(3))
    def test_one_whose_handler_was_content_begins_anew(self, press, number):
        answer = press(GOOD, f'Go{number}')
        assert 'typed' not in answer.text
        assert answer.text.count('value="own"') == answer.text.count('CHECKED') == 3


class TestFormsWhoseHiddenFieldsSayAnotherThing:
    HIDDEN = FORM.replace('<f:form>', '<f:form><f:hidden name="at" value="=request.method()"/>')

    def press(self, make, source, files):
        client = make({'page.spy': BAD + source, **files})
        return client.press(client.get('/page.spy'), 'Go', {'x': 'typed'}).text

    @pytest.mark.parametrize('source', [
        '[[ for n in range(1): { ]]' + HIDDEN + '[[ } ]]',
        '[[.taglib from=cards.spi as=my]][[ for n in range(1): { ]]<my:card/>[[ } ]]'])
    def test_are_other_forms_in_a_loop(self, make, source, caplog):
        card = f'[[.tagcollection]][[.begin name=card singleton=True]]{self.HIDDEN}[[.end]]'
        text = self.press(make, source, {'cards.spi': card})
        assert 'typed' not in text and 'wrong' not in text and 'wrong' in caplog.text

    @pytest.mark.parametrize('source', [
        HIDDEN, '[[.taglib from=cards.spi as=my]]<my:card/>',
        '[[.import name=include]][[ include.spyce("part.spi") ]]'])
    def test_are_the_form_itself_elsewhere(self, make, source):
        card = f'[[.tagcollection]][[.begin name=card singleton=True]]{self.HIDDEN}[[.end]]'
        text = self.press(make, source, {'cards.spi': card, 'part.spi': BAD + self.HIDDEN})
        assert 'typed' in text and 'wrong' in text


class TestTwoFormsOfAPage:
    @pytest.mark.parametrize('handlers', [GOOD, BAD])
    def test_a_form_without_a_handler_shows_nothing_of_what_another_was_sent(self, make, handlers):
        client = make({'page.spy': f'{handlers}<f:form method="GET">{FIELDS}<f:submit value="Find"/></f:form>{FORM}'})
        first, second = forms(client.press(client.get('/page.spy'), 'Go', {'x': 'typed', 'c': None}))
        assert 'value="own"' in first and 'CHECKED' in first
        assert 'value="typed"' in second and 'CHECKED' not in second

    def test_a_form_that_is_sent_without_a_handler_shows_what_was_sent(self, make):
        client = make({'page.spy': f'{GOOD}<f:form method="GET">{FIELDS}<f:submit value="Find"/></f:form>'})
        assert 'value="typed"' in client.press(client.get('/page.spy'), 'Find', {'x': 'typed'}).text

    def test_a_form_that_stands_once_keeps_what_was_typed(self, make):
        client = make({'page.spy': GOOD + FORM})
        assert 'value="typed"' in client.press(client.get('/page.spy'), 'Go', {'x': 'typed'}).text


class TestPagesThatEndWithinAForm:
    @pytest.mark.parametrize('end', ['[[ return ]]', '[[ raise spyceDone ]]', '[[ response.end() ]]'])
    @pytest.mark.parametrize('repeated', [False, True])
    def test_the_message_and_what_the_form_has_so_far_are_shown(self, make, end, repeated):
        form = f'<f:form>{FIELDS}<f:submit handler="self.go" value="Go"/>' \
               f'[[ if request.method() == "POST": {{ ]]{end}[[ }} ]]</f:form>'
        loop = ('[[ for n in range(1): { ]]', '[[ } ]]') if repeated else ('', '')
        client = make({'page.spy': f'{BAD}{loop[0]}{form}{loop[1]}'})
        found, = forms(client.press(client.get('/page.spy'), 'Go', {'x': 'typed'}))
        assert re.match('<form[^>]*>\\s*<div class="validationerror"', found)
        assert 'value="typed"' in found

    def test_an_include_that_ends_within_a_form_too(self, make):
        form = FORM.replace('</f:form>', '[[ response.end() ]]never</f:form>')
        client = make({'page.spy': '[[.import name=include]]before[[ include.spyce("part.spi") ]]after',
                       'part.spi': BAD + form})
        text = client.press(client.get('/page.spy'), 'Go', {'x': 'typed'}).text
        for shown in 'before', 'wrong', 'typed', '</form>', 'after':
            assert shown in text
        assert 'never' not in text

    def test_a_loop_that_is_left_within_a_form_too(self, make):
        form = FORM.replace('</f:form>', '[[ break ]]</f:form>')
        client = make({'page.spy': f'{BAD}[[ for n in range(3): {{ ]]{form}[[ }} ]]after'})
        answer = client.press(client.get('/page.spy'), 'Go', {'x': 'typed'})
        assert 'wrong' in answer.text and answer.text.rstrip().endswith('</form>after')

    def test_what_is_flushed_within_a_form_that_stands_once_has_its_message(self, make):
        form = FORM.replace('</f:form>', '[[ response.flush() ]]</f:form>')
        client = make({'page.spy': f'[[.import name=session]][[ session.token() ]]{BAD}{form}'})
        found, = forms(client.press(client.get('/page.spy'), 'Go', {'x': 'typed'}))
        assert found.index('wrong') < found.index('typed')
