"""What a page leaves behind when it has ended, and the request has not."""
from __future__ import annotations

import gc

import pytest

GREETER = """
    from spyceModule import spyceModule
    class greeter(spyceModule):
        def start(self):
            self._api.getServerObject().log = log = ['start']
            self.name = ''
            self._api.getResponse().before_send(self.greet)
        def init(self, name): self.name = name
        def finish(self, theError=None): self._api.getServerObject().log.append('finish')
        def greet(self):
            same = self._api.getModule('greeter') is self
            self._api.getResponse().addHeader('X-Greeting', f'{self.name} {same} {"request" in self._api.getModules()}')
    """


def test_what_waits_for_the_end_of_the_request_finds_the_modules_of_its_page(site):
    client = site({'greeter.py': GREETER, 'page.spy': '[[.import name=greeter args="\'Ann\'"]]x',
                   'log.spy': '[[= response._api.getServerObject().log ]]'})
    assert client.get('/page.spy').headers['X-Greeting'] == 'Ann True True'
    assert client.get('/log.spy').text == "['start', 'finish']\n"


def test_a_lambda_of_an_included_page_goes_on_to_work(site):
    client = site({'macros.spi': '[[.import name=include]][[ include.context["row"] = [[spy cell: '
                                 '<td>[[= cell ]]</td>[[ include.spyce("end.spi") ]] ]] ]]',
                   'end.spi': '</tr>',
                   'page.spy': '[[.import name=include]][[ macros = {}; include.spyce("macros.spi", macros); '
                               'macros["row"]("a") ]]'})
    assert client.get('/page.spy').text.split() == ['<td>a</td></tr>']


def test_a_lambda_that_a_tag_gives_to_the_page_goes_on_to_work(site):
    client = site({'tags.spi': '[[.tagcollection]]\n[[.begin name=define singleton=True]][[.export var=show]]'
                               '[[\\ show = [[spy x: [[= x ]] [[= request.uri("path") ]] ]]\n]][[.end]]\n',
                   'page.spy': '[[.taglib from=tags.spi as=t]]<t:define />[[ show("at") ]]'})
    assert client.get('/page.spy').text.split() == ['at', '/page.spy']


@pytest.mark.parametrize('page', [
    'x[[= 1 ]]',
    '[[.import name=session]][[ session.put("n", session.get("n", 0) + 1) ]][[= session["n"] ]]',
    '[[.import name=transform]][[ transform.expr("html_encode") ]][[= "<" ]]',
    '<spy:parent src="parent.spi" />body'])
def test_a_request_leaves_nothing_for_the_garbage_collector(site, page):
    client = site({'page.spy': page, 'parent.spi': '<[[= child._body ]]>'})
    client.get('/page.spy')  # what is made once
    while gc.collect():  # what other tests have left, and what finalizers leave of that
        pass
    gc.disable()
    try:
        client.get('/page.spy')
        assert gc.collect() == 0
    finally:
        gc.enable()
