"""Corners of the modules that every page has, or imports: what 2.1 gives there (reference 5 and 7)."""
from __future__ import annotations

import pytest


def test_a_default_of_none_is_a_default(site):
    client = site({'page.spy': '[[= [request.get("x"), request.get("x", None), request.post("x"), '
                               'request.post("x", None), request.getpost("x"), request.get("x", 5)] ]]'})
    assert client.get('/page.spy').text == '[[], None, [], None, None, 5]\n'


def test_include_vars_are_there_for_a_dictionary_only(site):
    client = site({'page.spy': '[[.import names="include, pool"]][[= include.vars ]] '
                               '[[ include.spyce("part.spi", "text"); include.spyce("part.spi", {"a": 1}) ]]'
                               '[[ pool["a"] = 2; include.spyce("part.spi", pool) ]]',
                   'part.spi': '[[= include.vars and include.vars.a ]]'})
    assert client.get('/page.spy').text.split() == ['1', '2']


def test_a_file_is_dumped_with_its_line_ends(site):
    client = site({'page.spy': '[[.import name=include]][[= repr(include.dump("note.txt")) ]]'})
    with open(f'{client.app.root}/note.txt', 'wb') as stream:
        stream.write(b'a\r\nb\n')
    assert client.get('/page.spy').text == "'a\\r\\nb\\n'\n"


def test_none_is_the_usual_style_of_coloured_source(site):
    client = site({'page.spy': '[[.import name=include]][[= include.spycecode(string="x", html=None) == '
                               'include.spycecode(string="x") ]]'})
    assert client.get('/page.spy').text == 'True\n'


def test_a_capture_into_a_file_is_beside_the_page(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    client = site({'sub/page.spy': '[[ stdout.push("kept.txt") ]]text[[ stdout.pop() ]]'})
    client.get('/sub/page.spy')
    with open(f'{client.app.root}/sub/kept.txt') as stream:
        assert stream.read() == 'text'


def test_a_filter_takes_the_place_of_the_one_at_its_level(site):
    client = site({'page.spy': '''[[\\
from response import Filter
class star(Filter):
    def staticImpl(self, s): return '*' + s
class plus(Filter):
    def staticImpl(self, s): return '+' + s
one, other = star(), plus()
found = [response.addFilter(50, one)]
]]a[[ found.append(response.addFilter(50, other)) ]]b[[ found.append(response.addFilter(50, None)) ]]c
[[= [None, one, other] == found ]]'''})
    assert client.get('/page.spy').text == '*a+bc\nTrue\n'


def test_filters_of_the_engine_stay_whatever_is_added_at_their_level(site):
    client = site({'page.spy': '''[[.import names="transform, include, compress"]][[ transform.expr("html_encode") ]]
[[\\ compress.spaces()
from response import Filter
response.addFilter(20, Filter()); response.addFilter(95, Filter()); include.spyce("part.spi")
print("<    >", end="") ]][[= "<" ]]''', 'part.spi': '[[.import name=compress args="spaces=1"]]'})
    assert client.get('/page.spy').text.strip() == '< >&lt;'


@pytest.mark.parametrize('nothing', ['', '()', 'None', '""'])
def test_no_transform_leaves_values_as_they_are(site, nothing):
    client = site({'page.spy': '[[.import name=transform]][[ transform.expr("html_encode") ]]'
                               f'[[ transform.expr({nothing}) ]][[= "<" ]]'})
    assert client.get('/page.spy').text == '<\n'


def test_the_error_page_may_be_a_variable_of_a_module_of_the_site(site):
    client = site({'page.spy': '[[ 1/0 ]]', 'other.spy': '[[= response._api.getPageError() ]]',
                   'errs.py': 'template = "sorry: [[= error.getType().__name__ ]]"'},
                  pageerrortemplate=('string', 'errs', 'template'))
    answer = client.get('/page.spy')
    assert (answer.status, answer.text) == (500, 'sorry: ZeroDivisionError\n')
    assert client.get('/other.spy').text == "('string', 'sorry: [[= error.getType().__name__ ]]')\n"


@pytest.mark.parametrize(('template', 'said'), [
    (('string', 'nowhere', 'x'), "cannot find nowhere.py on the config's path"),
    (('string', 'errs', 'x'), "module 'errs' has no 'x'"), (('string', 'error', 'x'), "module 'error' has no 'x'")])
def test_an_error_page_that_is_not_there_is_named_in_the_log(site, caplog, template, said):
    client = site({'page.spy': '[[ 1/0 ]]', 'errs.py': ''}, pageerrortemplate=template)
    assert client.get('/page.spy').status == 500
    assert said in caplog.text


def test_the_syntax_errors_of_2_1_have_their_names(site):
    client = site({'page.spy': '[[ from spyceException import pythonSyntaxError, spyceSyntaxError ]]'
                               '[[= issubclass(spyceSyntaxError, Exception) and pythonSyntaxError.__name__ ]]'})
    assert client.get('/page.spy').text == 'PageSyntaxError\n'
