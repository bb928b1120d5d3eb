"""Hashes of passwords."""
from __future__ import annotations

import time
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spyce.login import hash_password, passwords, verify_password


@given(st.text(), st.text())
def test_a_hash_fits_its_password_alone(password, other):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, 'COST', 16)  # so that many can be tried
        hashed = hash_password(password)
    assert verify_password(password, hashed)
    assert verify_password(other, hashed) == (normalize('NFKC', other) == normalize('NFKC', password))


def test_equal_passwords_have_different_hashes_that_do_not_show_them():
    one, two = hash_password('correct horse'), hash_password('correct horse')
    assert one != two
    assert one.startswith('scrypt$') and one.isascii() and 'horse' not in one


def test_a_hash_carries_its_own_parameters():
    cheap = 'scrypt$16$1$1$c2FsdA$' + 'RYmJZNR4iHwK_1fXfRlSdG2v5DCy5l2WlTP7oPCEGLY'
    assert not verify_password('x', cheap)


def test_one_text_typed_in_two_ways_is_one_password():
    assert verify_password('e\u0301t\u00e9', hash_password('\u00e9te\u0301'))


@pytest.mark.parametrize('hashed', ['', 'secret', 'md5$1$2$3$4$5', 'scrypt$x$8$1$aa$bb', 'scrypt$16384$8$5$aa',
                                    'scrypt$15$8$1$aa$bb', 'scrypt$1073741824$8$1$aa$bb', 'scrypt$16$1$1$a$bb',
                                    'scrypt$-1$8$1$aa$bb', b'scrypt', 7])
def test_what_is_no_hash_is_an_error_that_says_so(hashed):
    with pytest.raises(ValueError, match='hash_password'):
        verify_password('secret', hashed)


def test_a_user_who_does_not_exist_takes_as_long():
    hashed = hash_password('x')

    def seconds(of):
        begin = time.perf_counter()
        assert not verify_password('y', of)
        return time.perf_counter() - begin

    assert min(seconds(None) for _ in range(3)) > min(seconds(hashed) for _ in range(3)) / 3
