"""The table and the page in the language of each contestant, and how each turns them into text."""
from __future__ import annotations

import html
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data import ITEMS, PAGE, ROWS

Render = Callable[[], str]

ESCAPING = '[[.import name=transform]][[ transform.expr("html_encode") ]]'

SPYCE = {
    'table.spy': '''{escaping}<table>
[[ for row in rows: { ]]
<tr>[[ for cell in row: { ]]<td>[[= cell ]]</td>[[ } ]]</tr>
[[ } ]]
</table>
''',
    'page.spy': '''{escaping}[[.import name=include]]<spy:parent src="/parent.spi" title="=title" />
<h1>[[= title ]]</h1>
<p>For [[= user ]], [[= company ]], [[= street ]], [[= town ]], [[= country ]].</p>
<p>Write to [[= email ]] or call [[= phone ]].</p>
<p>Order [[= order ]] is [[= status ]]; [[= total ]], of which tax [[= tax ]] [[= notes ]].</p>
<ol>
[[ for number, name, price in items: { ]]
<li id="i[[= number ]]">[[= name ]]: [[= price ]]</li>
[[ } ]]
</ol>
[[ include.spyce('part.spi', {'town': town}) ]]
<p>The next order is [[= order + 1 ]], of [[= year ]].</p>
''',
    'part.spi': '[[.import name=include]]<p class="note">Delivered to [[= include.context["town"] ]].</p>\n',
    # The transforms of a page count for what it includes; a parent is a page of its own.
    # The body is markup already, so it is written, not given as an expression that escaping would see.
    'parent.spi': '''{escaping}<!DOCTYPE html>
<html><head><title>[[= child.title ]]</title></head>
<body>
[[ response.write(child._body) ]]
</body></html>
''',
}

JINJA = {
    'table': '''<table>
{% for row in rows %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</table>
''',
    'page': '''{% extends 'parent' %}{% block body %}
<h1>{{ title }}</h1>
<p>For {{ user }}, {{ company }}, {{ street }}, {{ town }}, {{ country }}.</p>
<p>Write to {{ email }} or call {{ phone }}.</p>
<p>Order {{ order }} is {{ status }}; {{ total }}, of which tax {{ tax }} {{ notes }}.</p>
<ol>
{% for number, name, price in items %}
<li id="i{{ number }}">{{ name }}: {{ price }}</li>
{% endfor %}
</ol>
{% include 'part' %}
<p>The next order is {{ order + 1 }}, of {{ year }}.</p>
{% endblock %}
''',
    'part': '<p class="note">Delivered to {{ town }}.</p>\n',
    'parent': '''<!DOCTYPE html>
<html><head><title>{{ title }}</title></head>
<body>
{% block body %}{% endblock %}
</body></html>
''',
}

MAKO = {
    'table': '''<table>
% for row in rows:
<tr>\\
% for cell in row:
<td>${cell}</td>\\
% endfor
</tr>
% endfor
</table>
''',
    'page': '''<%inherit file="parent"/>
<h1>${title}</h1>
<p>For ${user}, ${company}, ${street}, ${town}, ${country}.</p>
<p>Write to ${email} or call ${phone}.</p>
<p>Order ${order} is ${status}; ${total}, of which tax ${tax} ${notes}.</p>
<ol>
% for number, name, price in items:
<li id="i${number}">${name}: ${price}</li>
% endfor
</ol>
<%include file="part"/>
<p>The next order is ${order + 1}, of ${year}.</p>
''',
    'part': '<p class="note">Delivered to ${town}.</p>\n',
    'parent': '''<!DOCTYPE html>
<html><head><title>${title}</title></head>
<body>
${self.body()}
</body></html>
''',
}

BOTTLE = {
    'table': '''<table>
% for row in rows:
<tr>\\\\
% for cell in row:
<td>{{cell}}</td>\\\\
% end
</tr>
% end
</table>
''',
    'page': '''% rebase('parent', title=title)
<h1>{{title}}</h1>
<p>For {{user}}, {{company}}, {{street}}, {{town}}, {{country}}.</p>
<p>Write to {{email}} or call {{phone}}.</p>
<p>Order {{order}} is {{status}}; {{total}}, of which tax {{tax}} {{notes}}.</p>
<ol>
% for number, name, price in items:
<li id="i{{number}}">{{name}}: {{price}}</li>
% end
</ol>
% include('part', town=town)
<p>The next order is {{order + 1}}, of {{year}}.</p>
''',
    'part': '<p class="note">Delivered to {{town}}.</p>\n',
    'parent': '''<!DOCTYPE html>
<html><head><title>{{title}}</title></head>
<body>
{{!base}}
</body></html>
''',
}


def write_spyce(folder: Path, escaping: bool) -> None:
    """The site with the table and the page."""
    folder.mkdir(parents=True)
    for name, source in SPYCE.items():
        (folder / name).write_text(source.replace('{escaping}', ESCAPING if escaping else ''))


def write_templates(folder: Path, sources: dict[str, str]) -> None:
    """The templates of a peer as files."""
    folder.mkdir(parents=True)
    for name, source in sources.items():
        (folder / name).write_text(source)


def values_of(page: str) -> dict[str, Any]:
    """What a page is rendered with."""
    return {'rows': ROWS} if page == 'table' else {**PAGE, 'items': ITEMS}


def floor_table(escape: Callable[[Any], str], rows: list[list[str]]) -> str:
    """The table as somebody in a hurry writes it."""
    out: list[str] = ['<table>\n']
    add = out.append
    for row in rows:
        add('<tr>')
        for cell in row:
            add('<td>')
            add(escape(cell))
            add('</td>')
        add('</tr>\n')
    add('</table>\n')
    return ''.join(out)


def floor_page(escape: Callable[[Any], str], title: str, user: str, company: str, street: str, town: str, country: str,
               email: str, phone: str, order: int, status: str, total: str, tax: str, notes: str, year: int,
               items: list[tuple[int, str, str]]) -> str:
    """The page, its part and its parent in the same way."""
    out: list[str] = []
    add = out.append
    add('<!DOCTYPE html>\n<html><head><title>')
    add(escape(title))
    add('</title></head>\n<body>\n<h1>')
    add(escape(title))
    add('</h1>\n<p>For ')
    add(escape(user))
    add(', ')
    add(escape(company))
    add(', ')
    add(escape(street))
    add(', ')
    add(escape(town))
    add(', ')
    add(escape(country))
    add('.</p>\n<p>Write to ')
    add(escape(email))
    add(' or call ')
    add(escape(phone))
    add('.</p>\n<p>Order ')
    add(escape(order))
    add(' is ')
    add(escape(status))
    add('; ')
    add(escape(total))
    add(', of which tax ')
    add(escape(tax))
    add(' ')
    add(escape(notes))
    add('.</p>\n<ol>\n')
    for number, name, price in items:
        add('<li id="i')
        add(escape(number))
        add('">')
        add(escape(name))
        add(': ')
        add(escape(price))
        add('</li>\n')
    add('</ol>\n<p class="note">Delivered to ')
    add(escape(town))
    add('.</p>\n<p>The next order is ')
    add(escape(order + 1))
    add(', of ')
    add(escape(year))
    add('.</p>\n</body></html>\n')
    return ''.join(out)


def floor(page: str, escaping: bool, folder: Path) -> Render:
    """Hand-written code with html.escape() of the standard library."""
    del folder
    escape: Callable[[Any], str] = str if not escaping else html.escape if page == 'table' else _escaped
    work: Callable[..., str] = floor_table if page == 'table' else floor_page
    values = values_of(page)
    return lambda: work(escape, **values)


def _escaped(value: Any) -> str:
    return html.escape(str(value))


def spyce_page(page: str, escaping: bool, folder: Path) -> Render:
    """spyce.render(), which looks at the files' times at each call, as the peers' loaders do."""
    import spyce
    write_spyce(folder, escaping)
    values, file = values_of(page), os.fspath(folder / f'{page}.spy')
    root = os.fspath(folder)
    return lambda: spyce.render(file, root=root, **values)


def jinja_page(page: str, escaping: bool, folder: Path) -> Render:
    """autoescape=True: markupsafe.escape(), in C, gives an object of its own class of text."""
    from jinja2 import Environment, FileSystemLoader
    write_templates(folder, JINJA)
    environment, values = Environment(loader=FileSystemLoader(folder), autoescape=escaping), values_of(page)
    return lambda: environment.get_template(page).render(**values)


def mako_page(page: str, escaping: bool, folder: Path) -> Render:
    """The filter h: markupsafe.escape(), as for Jinja2."""
    from mako.lookup import TemplateLookup
    write_templates(folder, MAKO)
    lookup = TemplateLookup([os.fspath(folder)], default_filters=['h' if escaping else 'str'])
    values = values_of(page)
    return lambda: lookup.get_template(page).render(**values)


def bottle_page(page: str, escaping: bool, folder: Path) -> Render:
    """Bottle replaces the five characters one after the other in Python. It keeps templates for ever."""
    from bottle import SimpleTemplate
    plain = {name: source.replace('{{', '{{!').replace('{{!!', '{{!') for name, source in BOTTLE.items()}
    write_templates(folder, BOTTLE if escaping else plain)
    template = SimpleTemplate(name=page, lookup=[os.fspath(folder)])
    values = values_of(page)
    return lambda: template.render(**values)
