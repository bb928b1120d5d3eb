from spyceTag import spyceTagLibrary, spyceTagPlus


class tag_price(spyceTagPlus):
    name = 'price'

    def begin(self, of, currency='EUR'):
        from catalog import cents
        if isinstance(of, basestring):
            of = long(of)
        self.getOut().write('%s %s' % (cents(of), currency))


class shoptags(spyceTagLibrary):
    tags = [tag_price]
