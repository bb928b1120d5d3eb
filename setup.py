"""Packaging of spyce-session: the engine (spyce/), with modules/ and tags/ installed inside it."""
import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent

version = re.search(r"^__version__ = '([^']+)'", (HERE / 'spyce/__init__.py').read_text('utf-8'), re.MULTILINE)
assert version is not None

setup(
    name='spyce-session',
    version=version[1],
    description='Spyce pages for Python 3, with sessions that lose nothing',
    long_description=(HERE / 'README.txt').read_text('utf-8'),
    long_description_content_type='text/plain',
    license='MIT',
    python_requires='>=3.10',
    packages=['spyce', 'spyce.config', 'spyce.db', 'spyce.legacy', 'spyce.login', 'spyce.migrate', 'spyce.modules',
              'spyce.modules.contrib', 'spyce.page', 'spyce.runtime', 'spyce.sessions', 'spyce.tags', 'spyce.web'],
    package_dir={'spyce': 'spyce', 'spyce.modules': 'modules', 'spyce.tags': 'tags'},
    package_data={'spyce': ['py.typed', 'project/*.txt', 'project/lib/*.txt'],  # what `spyce project` copies
                  'spyce.modules': ['*.spi'], 'spyce.tags': ['*.spi']},
    install_requires=[
        'click>=8.1',      # the command line
        'filelock>=3.20.1',  # never follows a link at the lock file; createLock between processes, on every platform
        'waitress>=3.0',   # the server behind `spyce serve`: threads, no C, well kept
        'werkzeug>=3.0',   # what is hostile in HTTP: forms, uploads, cookies, dates, ranges; the test client
    ],
    extras_require={
        'cli': ['rich>=13'],          # tables of `spyce sessions` at a terminal
        'metrics': ['prometheus-client>=0.20'],  # metrics_path: figures for Prometheus, by its own library
        'migrate': ['fissix>=24.4'],  # `spyce migrate`: Python 2 to 3; the kept fork of lib2to3, which Python dropped
        'redis': ['redis[hiredis]>=5.3'],  # RedisStore: the client of Redis's own makers, released every few weeks
        'template': ['jinja2>=3'],    # the module template: templates of Jinja2 in pages
        # spyce.db: tables of a database by name; SQLStore. The driver of the database comes beside it: see the manual
        'sql': ['sqlalchemy>=2'],
        'workers': ['gunicorn>=22'],  # `spyce serve --workers N`: several processes, restarted when one dies
        'highlight': ['pygments>=2.15'],  # pages in colour wherever Pygments is used
        'docs': [
            'furo>=2024.1',  # the theme of the manual: readable on a phone, light and dark
            'pygments>=2.15',  # colours of pages, by the lexer that is part of this package
            'sphinx>=7',     # `make docs`: the manual in HTML
        ],
        'test': [
            'fissix>=24.4',       # they move a 2.1 site
            'gunicorn>=22',       # the tests serve with workers too
            'hypothesis>=6.100',  # arbitrary pages and requests
            'jinja2>=3',          # the module template
            'pygments>=2.15',     # the lexer for pages
            'psycopg[binary]>=3.2',  # SQLStore, if the machine has a PostgreSQL server
            'pymysql>=1.1',       # SQLStore, if the machine has a MariaDB server
            'playwright>=1.40',   # the demonstration site in a real Chromium, if the machine has one
            'prometheus-client>=0.20',  # metrics_path
            'pytest>=8',
            'pytest-xdist>=3.2',  # `make test` uses several processors
            'redis[hiredis]>=5.3',  # RedisStore, if the machine has a redis-server or valkey-server
            'sqlalchemy>=2',      # spyce.db is tested on SQLite; SQLStore
        ],
        'bench': [  # `make bench`: whom this engine is measured against; one that is not there is left out
            'beaker>=1.13',
            'bottle>=0.13',
            'cachelib>=0.13',  # what Flask-Session keeps its sessions in
            'cherrypy>=18.10',
            'django>=5.2',
            'flask>=3.1',
            'flask-session>=0.8',
            'granian>=2',
            'gunicorn>=22',
            'jinja2>=3.1',
            'mako>=1.3',
            'psycopg[binary]>=3.2',
            'redis[hiredis]>=5.3',
            'sqlalchemy>=2',
            'starsessions>=2.2',
        ],
        'lint': [
            'mypy>=1.10',
            'rich>=13',
            'ruff>=0.5',
            'pytest>=8',  # types of the fixture
        ],
    },
    entry_points={
        'console_scripts': ['spyce = spyce.cli:main'],
        'pygments.lexers': ['spyce = spyce.pygments_lexer:SpyceLexer'],  # of the extra highlight, and of the manual
        'pytest11': ['spyce = spyce.pytest_plugin'],  # the fixture spyce_client
    },
    classifiers=[
        'Programming Language :: Python :: 3',
        'Topic :: Internet :: WWW/HTTP :: Dynamic Content',
        'Topic :: Internet :: WWW/HTTP :: Session',
        'Typing :: Typed',
    ],
)
