from spyceModule import spyceModule


class greeter(spyceModule):
    def start(self):
        self.words = {'morning': 'Good morning', 'evening': 'Good evening'}

    def init(self, *args, **options):
        for key, value in options.iteritems():
            self.words[key] = value

    def greet(self, when):
        if self.words.has_key(when):
            print self.words[when],
        else:
            print 'Hello',
