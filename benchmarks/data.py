"""What the contestants work on: the same table, page and session for all."""
from __future__ import annotations

ROWS = [[f'row {row}, <cell> {column} & more' if column == 3 else f'row {row}, cell {column}' for column in range(10)]
        for row in range(1000)]
"""The 1000 x 10 table: one cell in ten has something to escape."""

ITEMS = [(number, f'Item <{number}>', f'{number * 1.25:.2f}') for number in range(20)]

PAGE = {
    'title': 'Orders of "Smith & Sons"', 'user': "Ann O'Neil", 'company': 'Smith & Sons', 'street': '12 Long Lane',
    'town': "King's Lynn", 'country': 'United Kingdom', 'email': 'ann@example.org', 'phone': '+44 1353 000000',
    'order': 10815, 'status': '<paid>', 'total': '1,187.50', 'tax': '237.50', 'notes': '', 'year': 2024,
}
"""The 14 values of the page; its 15th expression is a sum."""

SESSION = {
    'user_id': 48213, 'name': "Ann O'Neil", 'theme': 'dark', 'language': 'en-GB', 'visits': 1,
    'cart': [('book', 2, 17.5), ('pen', 10, 0.5)], 'last_page': '/shop/catalogue/books/history?page=3',
    'token': '0123456789abcdef' * 8, 'address': '12 Long Lane, Ely, Cambridgeshire, CB7 4AA, United Kingdom',
    'settings': {'columns': 3, 'mail': True, 'currency': 'GBP', 'newsletter': 'monthly, plain text only please'},
}
"""Ten keys, about 500 bytes pickled. A request reads `name` and `theme`, and adds one to `visits`."""
