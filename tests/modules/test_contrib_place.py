"""Contributed modules: a file of the site that has the same name comes first, unlike with the engine's own."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from spyce.testing import Client

Site = Callable[..., Client]

NAMES = ('automaton', 'etag', 'mail', 'session1', 'template', 'toc')


def own(name: str) -> str:
    return f'from spyceModule import spyceModule\nclass {name}(spyceModule):\n    whose = "the site"\n'


def page(name: str) -> str:
    return f'[[.import name={name} as=m]][[= getattr(m, "whose", "contributed") ]]'


@pytest.mark.parametrize('name', NAMES)
class TestWhose:
    def test_it_is_there_without_any_file(self, site: Site, name: str) -> None:
        pytest.importorskip('jinja2', reason='Jinja2 is not installed: the extra template has it')
        assert site({'a.spy': page(name)}).get('/a.spy').text.strip() == 'contributed'

    @pytest.mark.parametrize('place', ['shop', 'lib', '.'])
    def test_a_file_beside_the_page_on_the_path_or_at_the_root_comes_first(self, site: Site, name: str,
                                                                           place: str) -> None:
        client = site({'shop/a.spy': page(name), f'{place}/{name}.py': own(name)}, path=['lib'])
        assert client.get('/shop/a.spy').text.strip() == 'the site'


def test_python_code_of_the_site_does_not_see_them(site: Site) -> None:
    client = site({'a.spy': '[[ import mail ]][[= mail.whose ]]', 'b.spy': '[[ import toc ]]',
                   'mail.py': 'whose = "the site"\n'}, debug=True)
    assert client.get('/a.spy').text.strip() == 'the site'
    assert 'No module named' in client.get('/b.spy').text
