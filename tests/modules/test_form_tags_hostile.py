"""The library `form`: hostile text, of a visitor or of the page, stays text wherever it stands."""
from __future__ import annotations

import pytest
from form_page import Parsed, Site
from hypothesis import given
from hypothesis import strategies as st
from spyce.tags.core import attribute_text

from spyce.runtime.exceptions import SpyceError

HOSTILE = ['"><script>alert(1)</script>', "'><img src=x onerror=alert(1)>", '</textarea><script>x</script>',
           '</option></select><script>x</script>', '</label></title><b>', '&lt;b&gt; &amp; &quot;',
           '[[= 6*7 ]]<%= 1 %>', '<!--', ']]>', '\n two\nlines', 'ä€𝄞 " \\" `']


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp('site'))


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
