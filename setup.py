"""Packaging of spyce-session: the engine (spyce/), with modules/ and tags/ installed inside it."""
from setuptools import setup

setup(
    name='spyce-session',
    version='3.0.0',
    description='Spyce pages for Python 3, with sessions that lose nothing',
    license='MIT',
    python_requires='>=3.10',
    packages=['spyce', 'spyce.page', 'spyce.runtime', 'spyce.sessions', 'spyce.web', 'spyce.legacy',
              'spyce.modules', 'spyce.tags'],
    package_dir={'spyce': 'spyce', 'spyce.modules': 'modules', 'spyce.tags': 'tags'},
    package_data={'spyce': ['py.typed'], 'spyce.tags': ['*.spi']},
    install_requires=[
        'werkzeug>=3.0',   # HTTP: parsing of forms, cookies, dates, ranges
        'waitress>=3.0',   # the server behind `spyce serve`
        'filelock>=3.12',  # createLock between processes
        'click>=8.1',      # the command line
    ],
    extras_require={
        'workers': ['gunicorn>=22'],  # `spyce serve --workers N`
    },
    entry_points={'console_scripts': ['spyce = spyce.cli:main']},
)
