"""Attributes of tags: those that stand alone, those that an expression takes away, and those that stand twice."""
from __future__ import annotations

from html import unescape

import pytest


def shown(site, source, **options):
    answer = site({'page.spy': source}, **options).get('/page.spy')
    assert answer.status == 200, answer.text
    return answer.text.strip()


class TestAlone:
    @pytest.mark.parametrize(('source', 'html'), [
        ('<f:checkbox name=c value=1 checked />', '<input type="checkbox" name="c" id="c" value="1" CHECKED>'),
        ('<f:radio name=c value=1 default />', '<input type="radio" name="c" id="c" value="1" CHECKED>'),
        ('<f:select name=s multiple><f:option text=a selected /></f:select>',
         '<select name="s" id="s" MULTIPLE><option  SELECTED>a</option></select>'),
        ('<f:text name=a required disabled />', '<input type="text" name="a" id="a" value="" required disabled>'),
        ('<spy:ul data="[1]" hidden />', '<ul hidden><li>1</li></ul>')])
    def test_an_attribute_is_set(self, site, source, html):
        assert shown(site, source) == html

    def test_it_is_true_to_a_tag_of_the_site(self, site):
        own = '[[.tagcollection]][[.begin name=show singleton=True]][[.attr name=v]][[= repr(v) ]][[.end]]'
        client = site({'own.spi': own, 'page.spy': '[[.taglib from=own.spi as=own]]<own:show v />'})
        assert client.get('/page.spy').text.strip() == 'True'

    @pytest.mark.parametrize('source', [
        '<f:text name=a value />', '<f:text name=a default />', '<f:text name=a label />', '<f:text name=a id />',
        '<f:checkbox name=a value />', '<f:select name=a selected />', '<f:textarea name=a default></f:textarea>',
        '<f:select name=a><f:option value>x</f:option></f:select>', '<f:radiolist name=a data="[]" default />',
        '<f:select name=a><f:option text /></f:select>', '<f:date name=a format />'])
    def test_what_has_to_say_something_cannot_stand_alone(self, site, source):
        answer = site({'page.spy': source}, debug=True).get('/page.spy')
        assert (answer.status, 'must have a value' in unescape(answer.text)) == (500, True)


@pytest.mark.parametrize('value', ['None', 'False'])
class TestTakenAway:
    @pytest.mark.parametrize(('attribute', 'source', 'html'), [
        ('checked', '<f:checkbox name=c value=1 {} />', '<input type="checkbox" name="c" id="c" value="1">'),
        ('default', '<f:radio name=c value=1 {} />', '<input type="radio" name="c" id="c" value="1">'),
        ('multiple', '<f:select name=s {} />', '<select name="s" id="s"></select>'),
        ('selected', '<f:select name=s><f:option text=a {} /></f:select>',
         '<select name="s" id="s"><option >a</option></select>'),
        ('default', '<f:select name=s><f:option text=a {} /></f:select>',
         '<select name="s" id="s"><option >a</option></select>'),
        ('required', '<f:text name=a {} />', '<input type="text" name="a" id="a" value="">'),
        ('class', '<f:textarea name=a {} />', '<textarea name="a" id="a"></textarea>'),
        ('novalidate', '<f:form action=x {}></f:form>', '<form method="POST" action="x"></form>'),
        ('disabled', '<f:submit value=Go {} />', '<input type="SUBMIT" value="Go">'),
        ('class', '<spy:ul data="[1]" {} />', '<ul><li>1</li></ul>'),
        ('raw', '[[.taglib name=flow as=flow]]<flow:print value="&" {} />', '&amp;')])
    def test_an_attribute_is_not_there(self, site, value, attribute, source, html):
        assert shown(site, source.replace('{}', f'{attribute}="={value}"')) == html


@pytest.mark.parametrize('attribute', ['value', 'default', 'label', 'id', 'type'])
def test_no_value_is_no_attribute(site, attribute):
    html = shown(site, f'<f:text name=a {attribute}="=None" />')
    assert 'None' not in html and '<label' not in html


@pytest.mark.parametrize(('value', 'html'), [
    ('"=0"', '"0"'), ('""', '""'), ('"=\'\'"', '""'), ('false', '"false"')])
def test_other_values_stay(site, value, html):
    assert f'aria-busy={html}' in shown(site, f'<f:text name=a aria-busy={value} />')
