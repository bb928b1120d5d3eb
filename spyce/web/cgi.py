"""Pages as CGI programs, for web servers that offer nothing better.

Each request starts a Python process, so this is slow; sessions, pages and urls work as under `spyce serve`. Use

    spyce cgi --root /srv/site          or          SPYCE_ROOT=/srv/site python -m spyce.web.cgi

as the body of a small script in the web server's cgi folder. Two ways to set it up (Apache's words):

- the script as a prefix: http://host/cgi-bin/site.cgi/page.spy; what follows it (PATH_INFO) is looked up below root;
- as a handler: `Action spyce /cgi-bin/site.cgi` and `AddHandler spyce .spy`; the web server then sends static files
  itself, and PATH_INFO is the whole path of the url.

Without --root and SPYCE_ROOT, root is the DOCUMENT_ROOT that the web server names.
"""
from __future__ import annotations

import os
from wsgiref.handlers import CGIHandler


def environment_root() -> str | None:
    """The folder of the site as the environment tells it."""
    return os.environ.get('SPYCE_ROOT') or os.environ.get('DOCUMENT_ROOT') or None


def run(root: str | None = None, config: str | None = None) -> None:
    """Answer the one request of this process.

    root: folder of the site, else from the environment; config: config file, by default spyceconf.py in root.
    Raises ConfigError.
    """
    from spyce.web.wsgi import make_app
    os.environ['SPYCE_ENTRY'] = 'cgi'
    _undo_action(os.environ)
    handler = CGIHandler()
    handler.run(make_app(root or environment_root(), config, threads=1))


def _undo_action(environ: os._Environ[str]) -> None:
    """Called by an Action, the script is no part of the url; as a prefix it is, and begins the REQUEST_URI."""
    script, uri = environ.get('SCRIPT_NAME', ''), environ.get('REQUEST_URI', '')
    if script and uri.startswith('/') and not uri.startswith(script):
        environ['SCRIPT_NAME'] = ''


if __name__ == '__main__':
    run()
