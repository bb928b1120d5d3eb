"""The goods of the shop."""
import string, urllib
from types import StringType, ListType

GOODS = {
    'apple': (120, u'Apple'),
    'pear': (150, u'Pear'),
    'quince': (310L, u'Quince'),
}


class Unknown(StandardError):
    pass


def price(name):
    if not GOODS.has_key(name):
        raise Unknown, 'no such goods: ' + name
    return GOODS[name][0]


def names():
    found = GOODS.keys()
    found.sort()
    return found


def by_price():
    pairs = GOODS.items()
    pairs.sort(key=lambda (name, data): data[0])
    return [name for name, data in pairs]


def link(name):
    return 'goods.spy?' + urllib.urlencode([('name', name)])


def label(value):
    if type(value) == StringType or isinstance(value, basestring):
        return string.capitalize(value)
    if type(value) is ListType:
        return string.join(map(label, value), ', ')
    return `value`


def cents(amount):
    return '%d.%02d' % (amount / 100, amount % 100)
