"""The shop: its goods, the basket in the visitor's session, and the handlers of shop.spy and basket.spy."""
import datetime

from spyceException import CompoundHandlerError, HandlerError

GOODS = {
    'apples': ('Apples', 'a pound, from the hill behind the house', 320),
    'bread': ('Rye bread', 'baked this morning', 450),
    'cheese': ('Goat cheese', 'small, round, soft', 690),
    'honey': ('Honey', 'linden and clover, half a pound', 575),
}
"""Key -> (name, description, price in cents)."""

PLACES = [('to the door', 'door'), ('to the shop', 'shop')]
AT_MOST = 99


def price(cents):
    return f'{cents // 100}.{cents % 100:02d}'


def lines(session):
    """(key, name, count, cents) of each thing in the basket."""
    return [(key, GOODS[key][0], count, count * GOODS[key][2])
            for key, count in session.get('basket', {}).items()]


def total(session):
    return sum(cents for _, _, _, cents in lines(session))


def add(api, key, count=1):
    """The handler of the button in each product card; the field is called count:int, so count is a number."""
    if key not in GOODS:
        raise HandlerError('Basket', 'there is no such thing here')
    set_count(api, key, api.session.get('basket', {}).get(key, 0) + count)
    api.session.flash(f'{GOODS[key][0]}: in your basket.')
    api.redirect.external('shop.spy')


def change(api, key, count):
    set_count(api, key, count)
    api.redirect.external('basket.spy')


def set_count(api, key, count):
    if not 0 <= count <= AT_MOST:
        raise HandlerError('Count', f'choose from 0 to {AT_MOST}')
    basket = api.session.get('basket', {})
    basket[key] = count
    api.session.put('basket', {key: count for key, count in basket.items() if count and key in GOODS})


def order(api, name, address, day, place='door', gift=''):
    errors = CompoundHandlerError()
    if not name.strip():
        errors.add(HandlerError('Name', 'who is it for?'))
    if place == 'door' and len(address.split()) < 3:
        errors.add(HandlerError('Address', 'street, number and town, please'))
    try:
        if datetime.date.fromisoformat(day) <= datetime.date.today():
            errors.add(HandlerError('Day', 'the earliest is tomorrow'))
    except ValueError:
        errors.add(HandlerError('Day', 'please choose one'))
    if not lines(api.session):
        errors.add(HandlerError('Basket', 'it is empty'))
    if errors:
        raise errors
    number = api.records.add_order(name.strip(), address.strip(), day, total(api.session))
    api.session.delete('basket')
    api.session.flash(f'Thank you, {name.strip()}. Your order is number {number}'
                      f'{", wrapped as a gift" if gift else ""}.')
    api.redirect.external('shop.spy')
