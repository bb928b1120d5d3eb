"""Secrets that stand within longer text: neither an error page nor the terminal shows them."""
from __future__ import annotations

import html
import logging
import re
import time

import pytest

from spyce.runtime.terminal import ErrorFormatter
from spyce.runtime.values import MASK, Describer, Secrets

TEXTS = [
    ('https://user:hunter-2@host/path', 'https://user:{}@host/path'),
    ('postgresql+psycopg://user:p@ss@host:5432/db', 'postgresql+psycopg://user:{}@host:5432/db'),
    ('https://ghp-123456@host/path', 'https://{}@host/path'),
    ('/reset?page=1&token=t-123456&x=2#end', '/reset?page=1&token={}&x=2#end'),
    ('password=hunter-2', 'password={}'), ('PASSWORD = hunter-2; x=1', 'PASSWORD = {}; x=1'),
    ("connect(host='db', password='hunter 2', port=1)", "connect(host='db', password={}, port=1)"),
    ('{"user": "ann", "api_key": "k-123456"}', '{"user": "ann", "api_key": {}}'),
    ('user[password]=hunter-2&x=1', 'user[password]={}&x=1'),
]
PLAIN = ['https://host:8080/path?page=1', 'mail to ann@example.org', 'author=ann', 'x == y', "unexpected token: 'x'",
         'password=None', 'a=b=c', '://', 'redis://host/0']


def page_and_terminal(site, tmp_path, files, path='/page.spy', **kwargs):
    """The error page, and what the terminal says of the same error."""
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(ErrorFormatter('%(message)s', str(tmp_path)).format(record))
    logging.getLogger('spyce.page').addHandler(handler)
    try:
        answer = site(files, debug=True, **kwargs.pop('options', {})).get(path, **kwargs)
    finally:
        logging.getLogger('spyce.page').removeHandler(handler)
    assert answer.status == 500
    return html.unescape(answer.text), '\n'.join(said)


@pytest.mark.parametrize(('text', 'shown'), TEXTS)
class TestWithinText:
    def test_of_a_message(self, site, tmp_path, text, shown):
        source = "[[ raise ValueError(response._api.getServerGlobals()['text']) ]]"
        for said in page_and_terminal(site, tmp_path, {'page.spy': source}, options={'globals': {'text': text}}):
            assert text not in said and shown.replace('{}', MASK, 1) in said

    def test_of_a_value(self, text, shown):
        described = Describer(Secrets()).describe({'it': [f'see {text}']})
        assert text not in described and 'hunter' not in described and '123456' not in described

    def test_of_the_referer(self, site, tmp_path, text, shown):
        page, _ = page_and_terminal(site, tmp_path, {'page.spy': '[[= 1/0 ]]'}, headers={'Referer': text})
        assert text not in page and shown.replace('{}', MASK, 1) in page


@pytest.mark.parametrize('text', PLAIN)
def test_other_text_stays(text):
    assert Secrets().hide(text) == text


def test_source_keeps_its_names_but_not_its_secrets(site, tmp_path):
    source = "[[ import shop ]]\n[[= shop.ask(token=shop.token, url='https://u:hunter-2@host', api_key='k-123456') ]]"
    module = 'token = 1\ndef ask(**more): 1/0'
    for said in page_and_terminal(site, tmp_path, {'page.spy': source, 'shop.py': module}):
        said = said.replace('\xa0', ' ')
        assert 'token=shop.token' in said and 'https://u:' in said
        assert 'hunter-2' not in said and 'k-123456' not in said


def test_what_names_of_the_failing_code_hold_is_not_at_the_terminal_either(site, tmp_path):
    source = "[[\nmy_password = 'hunter' + '22'\nraise ValueError('wrong: ' + my_password)\n]]"
    for said in page_and_terminal(site, tmp_path, {'page.spy': source}):
        assert 'hunter22' not in said and f'wrong: {MASK}' in said


def test_what_the_config_keeps_secret_is_shown_nowhere(site, tmp_path):
    key = 'k' * 40
    options = {'site_key': key, 'globals': {'mail': {'smtp_password': 'hunter22'}, 'shown': 'visible'}}
    source = f"[[ raise ValueError('{key[:10]}' + '{key[10:]} hunter' + '22 visible') ]]"
    for said in page_and_terminal(site, tmp_path, {'page.spy': source}, options=options):
        assert f'{MASK} {MASK} visible' in said and 'hunter22' not in said


def test_carets_stand_below_the_expression_behind_a_secret(site, tmp_path):
    source = "[[ x = 'https://u:hunter-2@host' + 1 ]]"
    _, said = page_and_terminal(site, tmp_path, {'page.spy': source})
    lines = said.splitlines()
    place = next((number for number, line in enumerate(lines) if re.search(r'\^', line)), None)
    if place is not None:  # not in Python 3.10
        line, carets = lines[place - 1], lines[place]
        assert line[carets.index('^'):carets.rindex('^') + 1] == f"'https://u:{MASK}@host' + 1"


@pytest.mark.parametrize('text', [
    'password' * 20000, '://' * 50000, 'a=' * 100000, 'key=' * 50000, "'" * 200000, '://' + 'a' * 200000,
    'x' * 200000 + '=', 'key="' + '\\' * 200000, 'token =' + ' ' * 200000], ids=range(9))
def test_long_text_is_no_work(text):
    begin = time.monotonic()
    Secrets().hide(text)
    assert time.monotonic() - begin < 2
