"""The `_api` of Spyce modules: modules by name, callbacks, pages that a module runs (reference 6.4)."""
from __future__ import annotations

import pytest

MODULE = 'from spyceModule import spyceModule, spyceModulePlus\nclass m(spyceModulePlus):\n'


def test_a_module_that_another_one_asks_for_gets_a_name_in_the_page(site):
    client = site({'page.spy': '[[ x = response._api.getModule("cookie"); y = response._api.getModule("pool", "p") ]]'
                               '[[= cookie is x ]] [[= p is y ]] [[= response._api.getModule("q", as_="p") is y ]]',
                   'plus.spy': '[[.import name=m]][[= cookie is m.modules.cookie ]] [[= "cookie" in m.globals ]]',
                   'm.py': MODULE + '    def start(self): self.modules.cookie'})
    assert client.get('/page.spy').text == 'True True True\n'
    assert client.get('/plus.spy').text == 'True True\n'


def test_db_is_found_as_a_module_is(site):
    client = site({'page.spy': '[[= response._api.getModule("db").name ]]'}, db=type('Db', (), {'name': 'shop'})())
    assert client.get('/page.spy').text == 'shop\n'


def test_modules_that_start_each_other_see_the_same_objects(site):
    client = site({'page.spy': '[[.import name=m]][[= m.modules.n.seen is m ]]',
                   'm.py': MODULE + '    def start(self): self.modules.n',
                   'n.py': MODULE.replace('class m', 'class n') + '    def start(self): self.seen = self.modules.m'})
    assert client.get('/page.spy').text == 'True\n'


def test_a_module_whose_start_failed_is_started_again_when_it_is_asked_for_again(site):
    client = site({'page.spy': '[[ try: { response._api.getModule("m") } except ZeroDivisionError: { pass } ]]'
                               '[[= response._api.getModule("m").is_ready ]]',
                   'm.py': MODULE + '    failed = False\n    def start(self):\n        if not m.failed:\n'
                                    '            m.failed = True; 1/0\n        self.is_ready = True'})
    assert client.get('/page.spy').text == 'True\n'


def test_a_module_that_takes_itself_away_and_fails_is_reported_by_its_own_error(site):
    client = site({'page.spy': '[[ response._api.getModule("m") ]]',
                   'm.py': MODULE + '    def start(self): self._api.delModule("m"); 1/0'}, debug=True)
    assert 'ZeroDivisionError' in client.get('/page.spy').text


def test_tags_do_not_depend_on_what_a_page_calls_request(site):
    client = site({'page.spy': '[[ global request, response; request = response = 5 ]]'
                               '<f:form><f:text name="x" /></f:form><spy:ul data="[1]" />'})
    assert '<li>1</li>' in client.get('/page.spy').text


def test_a_missing_module_is_an_import_error(site):
    client = site({'page.spy': '[[ try: { response._api.getModule("nowhere") } except ImportError: { ]]none[[ } ]]'})
    assert client.get('/page.spy').text == 'none\n'


@pytest.mark.parametrize(('register', 'change'), [
    ('ModuleCallback', 'setModule("x", 1)'), ('ResponseCallback', 'setResponse(api.getResponse())')])
def test_a_callback_is_called_once_however_often_it_was_registered(site, register, change):
    client = site({'page.spy': f'''[[\\
api, calls = response._api, []
def called(): calls.append(1)
api.register{register}(called); api.register{register}(called)
api.{change}
api.unregister{register}(called)
api.{change}
]][[= len(calls) ]]'''})
    assert client.get('/page.spy').text == '1\n'


RUNNER = MODULE + '''
    def run(self, code, **modules):
        page = code.newWrapper()
        for name, module in modules.items():
            page.setModule(name, module, 0)
        page.spyceInit(self._api.getRequest(), self._api.getResponse())
        page.spyceProcess()
        page.spyceDestroy()
        code.returnWrapper(page)
'''


def test_a_module_runs_other_pages_as_the_modules_of_2_1_do(site):
    client = site({'page.spy': '[[.import name=m]]'
                               '([[\\ m.run(m._api.spyceFile(request.filename("part.spi")), x="X") ]])'
                               '([[\\ m.run(m._api.spyceString("\\[[= x \\]]"), x="Y") ]])',
                   'part.spi': '[[.import names="cookie"]]part [[= x ]]', 'm.py': RUNNER})
    assert client.get('/page.spy').text == '(part X\n)(Y\n)\n'


def test_a_compiled_page_tells_what_it_is(site):
    client = site({'page.spy': '[[ code = response._api.spyceFile(request.filename("part.spi")) ]]'
                               '[[= code.getFilename() == request.filename("part.spi") ]] [[= code.getModRefs() ]] '
                               '[[= "spyceImpl" in code.getCode() ]] [[= len(code.getCodeRefs()) > 0 ]]',
                   'part.spi': '[[.import name=cookie as=c]][[= 1 ]]'})
    assert client.get('/page.spy').text == "True [('cookie', None, 'c')] True True\n"


def test_classes_of_tag_libraries(site):
    client = site({'page.spy': '[[ api = response._api ]][[= api.spyceTaglib("core").__name__ ]] '
                               '[[= api.spyceTaglib("own").__name__ ]] [[= api.spyceTaglib("own", "lib/other.py").n ]] '
                               '[[ try: { api.spyceTaglib("nowhere") } except ImportError: { ]]none[[ } ]]',
                   'own.py': 'from spyceTag import spyceTagLibrary\nclass own(spyceTagLibrary): pass',
                   'lib/other.py': 'from spyceTag import spyceTagLibrary\nclass own(spyceTagLibrary): n = 2'})
    assert client.get('/page.spy').text == 'core own 2 none\n'


def test_a_page_within_a_page_cannot_be_given_another_response(site):
    client = site({'page.spy': '[[ response._api.spyceString("x").newWrapper().spyceInit(None, object()) ]]'},
                  debug=True)
    assert 'stdout.push() and pop() capture' in client.get('/page.spy').text


def test_a_button_works_on_a_page_that_calls_another_module_session(site, tmp_path):
    folder = tmp_path / 'sessions'
    folder.mkdir(mode=0o700)
    client = site({'page.spy': f"""[[.import name=session1 as=session args="'session_dir', '{folder}'"]]
[[!
def go(self, api): api.response.write('went')
]]<f:form><f:submit value="go" handler="self.go" /></f:form>"""})
    assert 'went' in client.press(client.get('/page.spy'), 'go').text
