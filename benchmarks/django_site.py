"""Django as a contestant: its settings, which a process has once."""
from __future__ import annotations

import functools
import importlib
import random
from typing import Any

from benchmarks.apps import DJANGO_TEMPLATE, TEMPLATE_NAME
from benchmarks.workplace import folder

DATABASE: dict[str, Any] = {}
"""The database in place of an SQLite file; to be filled before anything else."""


@functools.cache
def configure() -> None:
    """Django with sessions and templates, and nothing else."""
    import django
    from django.conf import settings
    for name in ('files', 'templates'):
        (folder() / f'django-{name}').mkdir()
    (folder() / 'django-templates' / TEMPLATE_NAME).write_text(DJANGO_TEMPLATE)
    settings.configure(
        SECRET_KEY='benchmark', ALLOWED_HOSTS=['*'], ROOT_URLCONF='benchmarks.django_views',
        INSTALLED_APPS=['django.contrib.sessions'], USE_TZ=True, LOGGING_CONFIG=None,
        MIDDLEWARE=['django.contrib.sessions.middleware.SessionMiddleware'],
        SESSION_FILE_PATH=str(folder() / 'django-files'),
        CACHES={'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache',
                            'OPTIONS': {'MAX_ENTRIES': 10 ** 8}}},
        # The durability of the others on SQLite; without these two its default waits for the disk at each save.
        DATABASES={'default': DATABASE or {
            'ENGINE': 'django.db.backends.sqlite3', 'NAME': str(folder() / 'django.db'), 'CONN_MAX_AGE': None,
            'OPTIONS': {'init_command': 'PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL'}}},
        TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates',
                    'DIRS': [str(folder() / 'django-templates')]}])
    django.setup()
    from django.contrib.sessions.models import Session
    from django.db import connection
    with connection.schema_editor() as editor:
        editor.create_model(Session)


def session_store(kind: str) -> Any:
    """Django's SessionStore of one of its engines: 'file', 'db' or 'cache' (locmem)."""
    configure()
    return importlib.import_module(f'django.contrib.sessions.backends.{kind}').SessionStore


def fill_database(count: int, items: dict[str, Any]) -> list[str]:
    """Put sessions into the table at once; their keys."""
    from datetime import timedelta

    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.utils import timezone
    keys = [''.join(random.choices('abcdefghijklmnopqrstuvwxyz0123456789', k=32)) for _ in range(count)]
    data, expires = SessionStore().encode(items), timezone.now() + timedelta(days=14)
    Session.objects.bulk_create((Session(session_key=key, session_data=data, expire_date=expires)
                                 for key in sorted(keys)), batch_size=10_000)
    return keys


def application(engine: str) -> Any:
    """A WSGI application whose sessions are kept by that engine."""
    configure()
    from django.core.handlers.wsgi import WSGIHandler
    from django.test.utils import override_settings
    with override_settings(SESSION_ENGINE=f'django.contrib.sessions.backends.{engine}'):
        return WSGIHandler()
