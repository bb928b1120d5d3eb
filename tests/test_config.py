"""The configuration: spyceconf.py as Python, options over it, and errors that say what to do."""
from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

import spyce
from spyce import sessions
from spyce.config import Config, ConfigError, ConfigWarning, exec_config, load_config
from spyce.testing import Client


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder for pages, beside other things."""
    folder = tmp_path / 'site'
    folder.mkdir()
    return folder


def write(folder: Path, text: str, name: str = 'spyceconf.py') -> Path:
    file = folder / name
    file.write_text(text)
    return file


class TestWhereItComesFrom:
    def test_without_a_file_there_are_defaults(self, site):
        config = load_config(site)
        assert config.root == str(site)
        assert config.file is None
        assert (config.encoding, config.threads, config.processes) == ('utf-8', 8, 1)
        assert config.indexFiles == ['index.spy', 'index.html']
        assert config.www_handlers == {'spy': 'spyce', '/': 'directory', None: 'dump'}
        assert config.globaltags == [('core', None, 'spy'), ('form', None, 'f'),
                                      ('render', 'render.spi', 'render')]
        assert config.defaultparent == '/parent.spi'
        assert (config.max_body_bytes, config.max_file_bytes, config.max_fields) == (16 * 2**20, 16 * 2**20, 1000)
        assert (config.session_path, config.session_expire, config.session_store) == ('/', 86400, None)

    def test_spyceconf_in_the_root_is_found(self, site):
        file = write(site, 'debug = True\nsession_expire = 60')
        config = load_config(site)
        assert config.debug is True
        assert config.session_expire == config.sessions.session_expire == 60
        assert config.file == str(file)

    def test_the_root_is_the_current_folder_by_default(self, site, monkeypatch):
        write(site, 'debug = True')
        monkeypatch.chdir(site)
        assert load_config().root == str(site)
        assert load_config().debug

    def test_another_file_can_be_named(self, site, tmp_path):
        file = write(tmp_path, 'debug = True', 'other.py')
        assert load_config(site, file).debug
        assert load_config(site, str(file)).root == str(site)

    def test_a_config_may_name_the_root_unless_it_is_given(self, site, tmp_path):
        file = write(tmp_path, "root = 'site'", 'other.py')
        assert load_config(None, file).root == str(site)
        assert load_config(tmp_path, file).root == str(tmp_path)

    def test_options_win(self, site):
        write(site, 'debug = True\nsession_expire = 60')
        config = load_config(site, None, {'debug': False, 'session_expire': 5})
        assert (config.debug, config.session_expire) == (False, 5)

    def test_a_dictionary_or_a_ready_config_do_too(self, site):
        config = load_config(site, {'debug': True})
        assert config.debug
        assert load_config(config=config) is config
        with pytest.raises(TypeError):
            load_config(site, config)

    def test_relative_paths_are_relative_to_the_config_or_in_options_to_the_root(self, site, tmp_path):
        file = write(tmp_path, "path = ['lib', '/abs']\ntmp = 'tmp'\nsite_data = 'data'", 'other.py')
        config = load_config(site, file)
        assert config.path == [str(tmp_path / 'lib'), '/abs']
        assert config.tmp == str(tmp_path / 'tmp')
        assert config.site_data == str(tmp_path / 'data')
        assert load_config(site, file, {'path': ['lib']}).path == [str(site / 'lib')]

    def test_spyce_path_is_the_default_path(self, site, monkeypatch):
        monkeypatch.setenv('SPYCE_PATH', os.pathsep.join(['/a', '/b']))
        assert load_config(site).path == ['/a', '/b']


class TestPython:
    def test_the_engines_defaults_come_with_a_star_even_in_a_file_of_that_name(self, site, monkeypatch):
        write(site, 'from spyceconf import *\n'
                    'assert __name__ == "spyceConfig"\n'
                    'indexFiles = indexFiles + ["start.spy"]\n'
                    'globals["where"] = root\n')
        monkeypatch.syspath_prepend(str(site))
        config = load_config(site)
        assert config.indexFiles == ['index.spy', 'index.html', 'start.spy']
        assert config.globals == {'where': str(site)}
        assert config.threads == 8

    def test_names_of_the_sites_own_are_read_as_in_2_1(self, site):
        write(site, 'from spyceconf import *\nshop = "Corner"\n_hidden = 1\n')
        write(site, 'import spyceConfig as own\ndef name(): return own.shop, own.session_expire', 'shop_name.py')
        write(site, '[[ import spyce, shop_name ]][[= spyce.getServer().config.shop ]] [[= shop_name.name() ]] '
                    '[[= hasattr(spyce.getServer().config, "_hidden") ]]', 'page.spy')
        other = site / 'other'
        other.mkdir()
        write(other, '[[ from spyceConfig import debug ]][[= debug ]] '
                     '[[ try: { from spyceConfig import shop } except ImportError: { ]]no shop[[ } ]]', 'page.spy')
        app = spyce.make_app(site)
        assert Client(app).get('/page.spy').text == "Corner ('Corner', 86400) False\n"
        assert Client(spyce.make_app(other)).get('/page.spy').text == 'False no shop\n'
        assert Client(app).get('/page.spy').text == "Corner ('Corner', 86400) False\n"
        assert 'Corner' not in repr(app.server.config)

    def test_the_config_cannot_be_changed_as_a_module(self, site):
        write(site, '[[ import spyceConfig; spyceConfig.debug = True ]]', 'page.spy')
        app = spyce.make_app(site, debug=True)
        assert 'spyceConfig.debug cannot be set' in Client(app).get('/page.spy').text

    def test_one_sites_changes_to_a_default_do_not_reach_another(self, site):
        write(site, 'from spyceconf import *\npath.append("/lib")\nglobals["a"] = 1')
        assert load_config(site).path[-1:] == ['/lib']
        write(site, 'from spyceconf import *')
        assert load_config(site).path == []
        assert load_config(site).globals == {}

    def test_modules_beside_it_are_importable_while_it_runs_and_leave_no_trace(self, site):
        write(site, 'X = 41', 'site_settings_beside.py')
        write(site, 'from site_settings_beside import X\nimport site_settings_beside as s\nsession_expire = s.X + 1')
        before = list(sys.path)
        assert load_config(site).session_expire == 42
        assert sys.path == before
        assert 'site_settings_beside' not in sys.modules

    def test_an_importer_can_be_given(self):
        seen = []

        def importer(name, *args):
            seen.append(name)
            return __import__(name, *args)

        namespace = {'__name__': 'spyceConfig'}
        exec_config(compile('import json', 'c.py', 'exec'), namespace, '/', importer)
        assert seen == ['json']

    def test_import_session_is_the_module_of_pages(self, site):
        from spyce.modules import session
        write(site, 'import session\nstore = session.MemoryStore()\nsession_store = store\nmodule = session')
        assert isinstance(load_config(site).session_store, session.MemoryStore)

    @pytest.mark.parametrize('text, line, message', [
        ('a = 1\n1/0', 2, 'ZeroDivisionError: division by zero'),
        ('a = 1\nprint "x"', 2, 'print'),
        ('import nosuchmodule_x', 1, "No module named 'nosuchmodule_x'"),
        ('a = 1\n\nraise SystemExit', 3, 'SystemExit')])
    def test_an_error_in_it_names_file_and_line(self, site, text, line, message):
        file = write(site, text)
        with pytest.raises(ConfigError) as caught:
            load_config(site)
        assert str(caught.value).startswith(f'{file}:{line}: ')
        assert message in str(caught.value)
        assert caught.value.__cause__ is not None

    def test_a_file_that_is_not_there(self, site):
        with pytest.raises(ConfigError, match='cannot read the config file .*nosuch.py: No such file'):
            load_config(site, site / 'nosuch.py')


class TestChecks:
    @pytest.mark.parametrize('setting, expected', [
        ("path = '/lib'", 'a list of paths'),
        ('path = [1]', 'the path of a file or folder'),
        ("debug = 'no'", 'True or False'),
        ("maxthreads = '5'", 'a whole number from 1 on'),
        ('maxthreads = True', 'a whole number from 1 on'),
        ('max_fields = 0', 'a whole number from 1 on'),
        ('port = 70000', 'a port number'),
        ("encoding = 'klingon'", 'the name of a text encoding'),
        ("encoding = 'base64'", 'the name of a text encoding'),
        ("trusted_proxies = ['proxy.example']", 'a list of IP addresses or networks'),
        ("trusted_proxies = '127.0.0.1'", 'a list of IP addresses or networks'),
        ("globaltags = ['core']", 'a list of (library, file or None, prefix)'),
        ("pageerrortemplate = 'error'", "('file', url)"),
        ("www_handlers = {'spy': 'php'}", "'spyce', 'dump' or 'directory'"),
        ("mime = {'xyz': 'nonsense'}", 'a dictionary of file endings'),
        ("mime = ['/nosuch/mime.types']", 'a list of mime.types files'),
        ('errorhandler = 5', 'a function'),
        ("param_filters = [1]", 'a list of functions'),
        ("globals = []", 'a dictionary'),
        ("imports = 'a'", 'a list of texts'),
        ("session_expire = 'soon'", 'session_expire'),
        ("session_path = 'x;y'", 'session_path'),
        ("session_store = 'mongodb://localhost'", "'mongodb:' names no session store"),
        ("session_store = 'here'", 'not the URL of a store'),
        ("session_store = 5", 'no method load'),
        ("class Store:\n    pass\nsession_store = Store", 'parentheses')])
    def test_a_wrong_value_stops_the_start(self, site, setting, expected):
        file = write(site, setting)
        with pytest.raises(ConfigError) as caught:
            load_config(site)
        text = str(caught.value)
        assert expected in text
        assert str(file) in text
        assert setting.rpartition('\n')[2].split(' ')[0] in text

    def test_in_options_it_says_so(self, site):
        with pytest.raises(ConfigError, match=r"^options: max_fields = 'many' cannot be used: expected a whole number"):
            load_config(site, None, {'max_fields': 'many'})

    def test_the_root_must_be_a_folder(self, site):
        with pytest.raises(ConfigError, match='there is no folder'):
            load_config(site / 'nosuch')

    def test_an_unknown_option_is_a_type_error(self, site):
        with pytest.raises(TypeError, match="'max_field' is not an option; did you mean 'max_fields'"):
            load_config(site, None, {'max_field': 1})

    def test_ones_and_zeros_are_truth_values(self, site):
        write(site, 'debug = 1\ncheck_mtime = 0')
        assert (load_config(site).debug, load_config(site).check_mtime) == (True, False)


class TestHints:
    def test_an_option_that_no_longer_exists_warns_with_the_remedy(self, site):
        write(site, 'adminport = 8001')
        with pytest.warns(ConfigWarning, match='adminport no longer exists: .*; remove the line'):
            load_config(site)

    def test_a_misspelled_option_warns(self, site):
        write(site, "indexfiles = ['a.spy']")
        with pytest.warns(ConfigWarning, match='indexfiles is not an option .*; did you mean indexFiles'):
            load_config(site)

    def test_helper_names_are_the_sites_business(self, site):
        write(site, 'import os\nmy_limit = 5\n_debugs = 1\ndef paths(): pass\nclass root2: pass')
        load_config(site)


class TestThreads:
    def test_they_follow_maxthreads_unless_set(self, site):
        assert load_config(site, None, {'maxthreads': 3}).threads == 3
        assert load_config(site, None, {'maxthreads': 3, 'threads': 5}).threads == 5

    def test_the_sessions_know_their_number(self, site):
        assert load_config(site, None, {'threads': 5}).sessions.threads == 5


class TestStores:
    def test_a_url_names_a_store(self, site):
        assert isinstance(load_config(site, None, {'session_store': 'memory:'}).session_store, sessions.MemoryStore)
        store = load_config(site, None, {'session_store': 'dbm:data'}).session_store
        assert isinstance(store, sessions.DbmStore)

    def test_a_relative_folder_of_a_store_is_relative_to_the_config(self, site, tmp_path):
        file = write(tmp_path, "import session\nsession_store = session.DbmStore('data')", 'other.py')
        assert load_config(site, file).session_store.folder.startswith(str(tmp_path / 'data'))
        assert load_config(site, None, {'session_store': 'dbm:data'}).session_store.folder.startswith(
            str(site / 'data'))

    def test_the_environment_names_one_where_the_configuration_names_none(self, site, monkeypatch):
        monkeypatch.setenv('SPYCE_SESSION_STORE', 'dbm:data')
        assert load_config(site).session_store.folder.startswith(str(site / 'data'))
        write(site, 'from spyceconf import *')
        assert load_config(site).session_store.folder.startswith(str(site / 'data'))
        assert isinstance(load_config(site, None, {'session_store': 'memory:'}).session_store, sessions.MemoryStore)
        write(site, "session_store = 'memory:'")
        assert isinstance(load_config(site).session_store, sessions.MemoryStore)
        monkeypatch.setenv('SPYCE_SESSION_STORE', '')
        write(site, '')
        assert load_config(site).session_store is None

    def test_an_environment_that_names_none_stops_the_start(self, site, monkeypatch):
        monkeypatch.setenv('SPYCE_SESSION_STORE', 'mongodb://user:secret@host')
        with pytest.raises(ConfigError, match="SPYCE_SESSION_STORE: .*'mongodb:' names no session store") as caught:
            load_config(site)
        assert 'secret' not in str(caught.value)

    def test_any_object_with_the_methods_of_a_store_is_one(self, site):
        class Store:
            load = save = clear = is_expired = list = lambda self, *args: None

        store = Store()
        assert load_config(site, None, {'session_store': store}).session_store is store


@pytest.mark.skipif(os.name != 'posix', reason='modes and owners')
class TestSiteFolder:
    def folder(self, site: Path) -> Path:
        return Path(load_config(site).site_folder)

    def test_it_is_made_at_first_need_for_this_user_alone(self, site, tmp_path, monkeypatch):
        monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path / 'state'))
        config = load_config(site)
        assert not (tmp_path / 'state').exists()
        folder = Path(config.site_folder)
        assert folder.parent == tmp_path / 'state' / 'spyce'
        assert folder.name.startswith('site-')
        assert folder.stat().st_mode & 0o777 == 0o700
        assert config.site_folder == load_config(site).site_folder

    def test_each_site_has_its_own_and_a_link_to_a_site_is_the_site(self, site, tmp_path, monkeypatch):
        monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path / 'state'))
        (tmp_path / 'other').mkdir()
        (tmp_path / 'link').symlink_to(site)
        assert self.folder(site) != self.folder(tmp_path / 'other')
        assert self.folder(site) == self.folder(tmp_path / 'link')

    def test_without_xdg_it_is_below_the_home(self, site, tmp_path, monkeypatch):
        monkeypatch.delenv('XDG_STATE_HOME', raising=False)
        monkeypatch.setenv('HOME', str(tmp_path))
        assert self.folder(site).parent == tmp_path / '.local' / 'state' / 'spyce'

    @pytest.mark.parametrize('home', ['/dev/null', 'relative'])
    def test_without_a_usable_home_it_is_below_the_temporary_folder(self, site, tmp_path, monkeypatch, home):
        monkeypatch.delenv('XDG_STATE_HOME', raising=False)
        monkeypatch.setenv('HOME', home)
        monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
        assert self.folder(site).parent == tmp_path / f'spyce-{os.geteuid()}'

    def test_the_option_site_data_names_another(self, site, tmp_path):
        config = load_config(site, None, {'site_data': str(tmp_path / 'a' / 'data')})
        assert config.site_folder == str(tmp_path / 'a' / 'data')

    def test_a_folder_that_others_can_enter_is_refused(self, site, tmp_path):
        (tmp_path / 'data').mkdir(mode=0o755)
        with pytest.raises(ConfigError, match='open to other users.*chmod 700'):
            _ = load_config(site, None, {'site_data': str(tmp_path / 'data')}).site_folder

    def test_a_link_or_a_file_is_refused(self, site, tmp_path):
        (tmp_path / 'link').symlink_to(site)
        (tmp_path / 'file').write_text('')
        for name in ('link', 'file'):
            with pytest.raises(ConfigError, match='not a folder, or is a link'):
                _ = load_config(site, None, {'site_data': str(tmp_path / name)}).site_folder

    @pytest.mark.skipif(os.name != 'posix' or os.geteuid() != 0, reason='only root can give folders away')
    def test_a_folder_of_another_user_is_refused(self, site, tmp_path):
        (tmp_path / 'data').mkdir(mode=0o700)
        os.chown(tmp_path / 'data', 12345, 12345)
        with pytest.raises(ConfigError, match='belongs to another user'):
            _ = load_config(site, None, {'site_data': str(tmp_path / 'data')}).site_folder


def test_an_attribute_that_is_no_option_is_an_attribute_error(site):
    with pytest.raises(AttributeError, match="no option 'session_nosuch'"):
        _ = Config(root=str(site)).session_nosuch
