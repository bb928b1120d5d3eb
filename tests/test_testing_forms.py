"""Client.press(): what a form sends when one of its buttons is pressed, as browsers do it."""
from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

import spyce
from spyce.testing import Client, Response

SENT = ('[[= request.method() ]] [[= sorted(request.get().items()) ]] [[= sorted(request.post().items()) ]]')


@pytest.fixture
def client(tmp_path: Path) -> Client:
    (tmp_path / 'sent.spy').write_text(SENT)
    (tmp_path / 'form.spy').write_text('[[= request.get1("html") ]]')
    return Client(spyce.make_app(tmp_path, session_store='memory:'))


def page(client: Client, html: str, attributes: str = 'method="post" action="sent.spy"') -> Response:
    return client.get('/form.spy?html=' + quote(f'<form {attributes}>{html}</form>'))


def sent(client: Client, html: str, fill: dict[str, object] | None = None) -> str:
    """What came by POST of this form, whose button is Go."""
    answer = client.press(page(client, html + '<button>Go</button>'), 'Go', fill)
    method, query, body = answer.text.strip().split(' ', 2)
    assert (method, query) == ('POST', '[]')
    return body


@pytest.mark.parametrize(('html', 'body'), [
    ('<input name="a" value="1">', "[('a', ['1'])]"),
    ('<input name="a">', "[('a', [''])]"),
    ('<input value="1">', '[]'),
    ('<input name="a" value="1" disabled>', '[]'),
    ('<input type="hidden" name="a" value="&lt;&quot;&amp;">', "[('a', ['<\"&'])]"),
    ('<input type="checkbox" name="a" value="1">', '[]'),
    ('<input type="checkbox" name="a" value="1" checked><input type="checkbox" name="a" value="2" checked>',
     "[('a', ['1', '2'])]"),
    ('<input type="CHECKBOX" name="a" CHECKED>', "[('a', ['on'])]"),
    ('<input type="radio" name="a" value="1"><input type="radio" name="a" value="2" checked>', "[('a', ['2'])]"),
    ('<input type="submit" name="a" value="Other"><input type="reset" name="b"><input type="image" name="c">'
     '<button name="d" value="1">Another</button><button type="button" name="e">None</button>', '[]'),
    ('<textarea name="a">\nb\nc &lt;</textarea>', r"[('a', ['b\r\nc <'])]"),
    ('<textarea name="a">\r\n\r\nb\r</textarea>', r"[('a', ['\r\nb\r\n'])]"),
    ('<input type="hidden" name="a" value="b\nc">', r"[('a', ['b\r\nc'])]"),
    ('<select name="a"><option disabled selected>0</option><option>1</option></select>', '[]'),
    ('<select name="a"><option disabled>0</option><option>1</option></select>', "[('a', ['1'])]"),
    ('<select name="a"><optgroup disabled><option>0</option></optgroup><option>1</select>', "[('a', ['1'])]"),
    ('<select name="a" disabled><option selected>0</option></select><input name="b">', "[('b', [''])]"),
    ('<fieldset disabled><legend><input name="a"></legend><legend><input name="b"></legend><input name="c">'
     '<fieldset><textarea name="d">e</textarea></fieldset></fieldset><input name="f">', "[('a', ['']), ('f', [''])]"),
    ('<fieldset><fieldset disabled></fieldset><input name="a"></fieldset>', "[('a', [''])]"),
    ('<input name="a" form="other"><input name="b" form="">', '[]'),
    ('<form action="elsewhere.spy"><input name="a">', "[('a', [''])]"),
    ('<select name="a"><option value="1">one<option value="2">two</select>', "[('a', ['1'])]"),
    ('<select name="a"><option> one  thing </option><option selected>two</option></select>', "[('a', ['two'])]"),
    ('<select name="a" multiple><option selected>1</option><option>2</option><option selected>3</option></select>',
     "[('a', ['1', '3'])]"),
    ('<select name="a" multiple><option>1</option></select>', '[]'),
    ('<select name="a"></select>', '[]'),
])
def test_fields_are_sent_as_they_stand(client: Client, html: str, body: str) -> None:
    assert sent(client, html) == body


def test_what_is_filled_in_takes_their_place(client: Client) -> None:
    html = '<input name="a" value="1"><input name="b" value="1"><input name="c" value="1"><input name="d" value="1">'
    assert sent(client, html, {'a': 2, 'b': ['3', '4'], 'c': None, 'new': ''}) == \
        "[('a', ['2']), ('b', ['3', '4']), ('d', ['1']), ('new', [''])]"


@pytest.mark.parametrize(('html', 'label', 'body'), [
    ('<input type="submit" name="a" value="Go">', 'Go', "[('a', ['Go'])]"),
    ('<button name="a" value="1"> <b>Go</b>\n now </button>', 'Go now', "[('a', ['1'])]"),
    ('<button name="a" value="1">One</button><button name="b" value="2">Two</button>', 'Two', "[('b', ['2'])]"),
    ('<input type="submit">', 'Submit', '[]'),
])
def test_the_button_is_sent_too_if_it_has_a_name(client: Client, html: str, label: str, body: str) -> None:
    assert client.press(page(client, html), label).text.strip() == f'POST [] {body}'


def test_only_the_form_that_has_the_button_is_sent(client: Client) -> None:
    answer = page(client, '<input name="a"></form><input name="no"><form method="post" action="sent.spy">'
                          '<input name="b"><button>Go</button></form><form><button>Go</button>')
    assert client.press(answer, 'Go').text.strip() == "POST [] [('b', [''])]"


@pytest.mark.parametrize(('attributes', 'text'), [
    ('method="post" action="sent.spy?q=1"', "POST [('q', ['1'])] [('a', ['1'])]"),
    ('method="POST" action="/sent.spy"', "POST [] [('a', ['1'])]"),
    ('action="sent.spy"', "GET [('a', ['1'])] []"),
    ('method="get" action="sent.spy?q=1"', "GET [('a', ['1'])] []"),
])
def test_the_form_says_where_and_how(client: Client, attributes: str, text: str) -> None:
    assert client.press(page(client, '<input name="a" value="1"><button>Go</button>', attributes),
                        'Go').text.strip() == text


@pytest.mark.parametrize(('button', 'text'), [
    ('<button formaction="sent.spy?q=2">Go</button>', "POST [('q', ['2'])] [('a', ['1'])]"),
    ('<button formmethod="GET">Go</button>', "GET [('a', ['1'])] []"),
    ('<input type="submit" value="Go" formmethod="get" formaction="/sent.spy">', "GET [('a', ['1'])] []"),
])
def test_so_may_the_button(client: Client, button: str, text: str) -> None:
    answer = page(client, f'<input name="a" value="1">{button}', 'method="post" action="sent.spy?q=1"')
    assert client.press(answer, 'Go').text.strip() == text


def test_fields_and_buttons_may_stand_outside_of_their_form(client: Client) -> None:
    answer = client.get('/form.spy?html=' + quote(
        '<input name="a" form="f"><form id="f" method="post" action="sent.spy"><input name="b"></form>'
        '<form><select name="c" form="f"><option>1</select><textarea name="d" form="f">2</textarea></form>'
        '<input name="no"><button name="e" value="3" form="f">Go</button>'))
    assert client.press(answer, 'Go').text.strip() == \
        "POST [] [('a', ['']), ('b', ['']), ('c', ['1']), ('d', ['2']), ('e', ['3'])]"


@pytest.mark.parametrize('html', ['<input type="submit" value=" Go  now ">', '<button>\n Go\n now</button>'])
def test_white_space_of_a_label_does_not_count(client: Client, html: str) -> None:
    for label in 'Go now', ' Go now', 'Go\nnow':
        assert client.press(page(client, html), label).status == 200


def test_what_is_typed_has_the_line_ends_of_a_browser(client: Client) -> None:
    assert sent(client, '<textarea name="a"></textarea>', {'a': '\nb\r\nc'}) == r"[('a', ['\r\nb\r\nc'])]"


@pytest.mark.parametrize('html', ['<button disabled>Go</button>', '<fieldset disabled><button>Go</button></fieldset>',
                                  '<button form="nothing">Go</button>'])
def test_a_button_that_a_browser_would_not_press_is_none(client: Client, html: str) -> None:
    with pytest.raises(LookupError, match='it has none'):
        client.press(page(client, html), 'Go')


def test_a_button_that_is_not_there_is_an_error_that_names_the_others(client: Client) -> None:
    with pytest.raises(LookupError, match="no button 'Go'; it has 'One', 'Two'"):
        client.press(page(client, '<button>One</button><input type="submit" value="Two">'), 'Go')
    with pytest.raises(LookupError, match='it has none'):
        client.press(page(client, ''), 'Go')
