"""The urls of Django's contestant, and its one view."""
from __future__ import annotations

from django.shortcuts import render
from django.urls import path

from benchmarks.apps import TEMPLATE_NAME
from benchmarks.data import SESSION


def show(request):  # type: ignore[no-untyped-def]
    """Count the visit and show it."""
    session = request.session
    if 'visits' not in session:
        session.update(SESSION)
    session['visits'] += 1
    return render(request, TEMPLATE_NAME, {
        'name': session['name'], 'theme': session['theme'], 'visits': session['visits']})


urlpatterns = [path('index.spy', show)]
