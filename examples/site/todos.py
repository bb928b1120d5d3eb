"""The handlers of todo.spy. They run only for somebody who is logged in: the page has a login_required tag."""
from spyceException import HandlerError


def add(api, text):
    text = text.strip()
    if not text:
        raise HandlerError('To do', 'there is nothing to add yet')
    api.records.add_todo(api.request.login_id(), text[:200])
    api.redirect.external('todo.spy')


def toggle(api, todo):
    api.records.toggle_todo(api.request.login_id(), todo)
    api.redirect.external('todo.spy')


def remove(api, todo):
    api.records.remove_todo(api.request.login_id(), todo)
    api.session.flash('Removed.')
    api.redirect.external('todo.spy')
