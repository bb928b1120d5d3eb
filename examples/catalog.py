"""A Spyce module: which examples there are, in the order in which to read them."""
from spyceModule import spyceModule

EXAMPLES = [
    ('hello', 'Hello', 'Text, expressions and statements.'),
    ('counter', 'Counter', 'A session: how often you were here.'),
    ('basket', 'Basket', 'put and delete: a small shop.'),
    ('login', 'Login', 'A new session id when somebody logs in.'),
    ('include', 'Include', 'One page within another.'),
    ('lambda', 'Lambda', 'Page text as a function.'),
    ('chunk', 'Chunk', 'Python with its own indentation.'),
    ('classchunk', 'Class chunk', 'Methods of the page.'),
    ('module', 'Own module', 'A Spyce module beside the page.'),
    ('transform', 'Transform', 'Encoding what expressions print.'),
    ('redirect', 'Redirect', 'To another page, by server or browser.'),
    ('upload', 'Upload', 'Reading a file that a visitor sends.'),
]


class catalog(spyceModule):
    """The examples, for the index page and the source page."""

    def all(self):
        """(name, title, description) of each example."""
        return EXAMPLES

    def title(self, name):
        """The title of an example; None for anything else that a visitor may ask for."""
        return {known: title for known, title, _ in EXAMPLES}.get(name)
